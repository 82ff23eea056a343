@testable import GodwitEngine

/// A manifest edit's content behind its checksum, and a state that takes it.
enum EditTarget: FuzzTarget {
    private static var empty: ManifestState {
        ManifestState(storeID: StoreID(high: 1, low: 2), hashSeed: 0x5EED)
    }

    static var seeds: [[UInt8]] {
        let writer = ByteWriter()
        empty.snapshotEdit().encode(into: writer)
        return [writer.array]
    }

    static func run(_ bytes: [UInt8]) {
        try? bytes.withView { (view) throws(EngineError) in
            var state = empty
            try state.apply(try VersionEdit(decoding: view, file: "MANIFEST", offset: 100))
        }
    }
}
