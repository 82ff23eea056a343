/// What a log's own segments say of its shape: for a store whose manifest is lost.
struct LogLayout {
    let identity: LogIdentity
    /// The first segment of the unbroken run that ends with the newest.
    let floor: UInt64
    /// Where each segment of the run gave way to the next.
    let cuts: [LogCut]

    /// Reads the headers of all segments; nil when none verifies under the seed.
    init?(_ fileSystem: any FileSystem, _ directory: String, seed: UInt64) throws(EngineError) {
        var headers: [UInt64: SegmentHeader] = [:]
        var identity: LogIdentity?
        for name in try fileSystem.list(directory) {
            guard let segment = LogFormat.segment(named: name) else { continue }
            let file = try fileSystem.open(directory + "/" + name, .read)
            guard try file.size() >= UInt64(LogFormat.segmentHeaderLength) else { continue }
            guard let bytes = try? file.read(LogFormat.segmentHeaderLength, at: 0) else { continue }
            let claimed = LogIdentity(storeID: Array(bytes[8..<24]), seed: seed)
            guard
                let header = try bytes.withView({ (view) throws(EngineError) in
                    try SegmentHeader.decode(view, segment: segment, identity: claimed)
                })
            else { continue }
            headers[segment] = header
            identity = claimed
        }
        guard let identity, var first = headers.keys.max() else { return nil }
        var cuts: [LogCut] = []
        while let header = headers[first], header.previous.segment < first, headers[header.previous.segment] != nil {
            cuts.append(
                LogCut(
                    segment: header.previous.segment, endOffset: header.previous.offset,
                    through: header.start.position.sequence, resumesAt: first))
            first = header.previous.segment
        }
        self.identity = identity
        floor = first
        self.cuts = cuts.reversed()
    }
}

extension StoreID {
    /// The id of these 16 bytes.
    init(bytes: [UInt8]) {
        self.init(
            high: bytes.withView { $0.load(0, as: UInt64.self) }, low: bytes.withView { $0.load(8, as: UInt64.self) })
    }
}
