import Foundation
import GodwitSimulation
import Testing

@testable import GodwitEngine

/// UpgradeFromEveryFormat, the manifest's part: a manifest written by format 1 stays readable. `GODWIT_REWRITE=1`
/// writes the files anew, to be done only when format 1 itself was wrong.
@Suite struct ManifestFixtureTests {
    private let directory = "/store"
    private let files = ["CURRENT", "MANIFEST-000020"]

    private func write() throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 1)
        var state = Sample.emptyState
        try state.apply(VersionEdit(Sample.everything.changes.dropLast()))
        let store = try ManifestStore.create(disk, directory, state: state)
        try store.commit(
            VersionEdit([
                .removeTable(keyspace: 0, level: 6, number: 11),
                .addTable(keyspace: 0, level: 5, Sample.table(22, "c", "d")),
            ]))
        try store.markClean(VersionEdit([.end(Sample.point(3, 120))]))
        return disk
    }

    @Test("a manifest of format 1 reads as it was written, and is still written so")
    func upgradeFromEveryFormat() throws {
        let written = try write()
        if FixtureFile.isRewriting {
            for name in files {
                try FixtureFile.write(written.contents("\(directory)/\(name)")!, to: "format-v1/manifest/\(name)")
            }
        }
        let disk = SimulatedFileSystem(seed: 1)
        try disk.createDirectory(directory)
        for name in files {
            let bytes = try FixtureFile.read("format-v1/manifest/\(name)")
            try disk.setContents("\(directory)/\(name)", bytes)
            #expect(bytes == written.contents("\(directory)/\(name)"), "\(name) is written differently now")
        }
        let state = try ManifestStore.recover(disk, directory).state
        var expected = Sample.emptyState
        try expected.apply(VersionEdit(Sample.everything.changes.dropLast()))
        try expected.apply(
            VersionEdit([
                .removeTable(keyspace: 0, level: 6, number: 11),
                .addTable(keyspace: 0, level: 5, Sample.table(22, "c", "d")),
            ]))
        try expected.apply(VersionEdit([.end(Sample.point(3, 120)), .clean]))
        #expect(Sample.facts(state) == Sample.facts(expected))
    }

    @Test("the worked example in docs/formats/manifest.md is what a new store writes")
    func workedExample() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let store = try ManifestStore.create(
            disk, directory, state: ManifestState(storeID: StoreID(high: 1, low: 2), hashSeed: 3))
        try store.commit(VersionEdit([.createKeyspace(Sample.keyspace(1, "kv"))]))
        var lines: [String] = []
        for name in ["CURRENT", "MANIFEST-000001"] {
            lines.append(name)
            let bytes = disk.contents("\(directory)/\(name)")!
            for start in stride(from: 0, to: bytes.count, by: 16) {
                let hex = bytes[start..<min(start + 16, bytes.count)].map { byte in
                    String(repeating: "0", count: byte < 16 ? 1 : 0) + String(byte, radix: 16)
                }
                let offset = String(start, radix: 16)
                lines.append(
                    String(repeating: "0", count: 4 - offset.utf8.count) + offset + "  " + hex.joined(separator: " "))
            }
        }
        let example = lines.joined(separator: "\n")
        let path = FixtureFile.root.deletingLastPathComponent().appending(path: "docs/formats/manifest.md")
        let text = try String(contentsOf: path, encoding: .utf8)
        #expect(text.contains(example), "the example should be:\n\(example)")
    }
}
