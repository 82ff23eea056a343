/// The segments of one store's log, by number.
struct LogDirectory: Sendable {
    let fileSystem: any FileSystem
    /// The store's directory.
    let path: String
    let identity: LogIdentity

    /// The path of a segment's file.
    func path(of segment: UInt64) -> String { path + "/" + LogFormat.fileName(segment) }

    /// The numbers of all files named as segments, ascending; some may be laid out and not in use, or dead.
    func segments() throws(EngineError) -> [UInt64] {
        try fileSystem.list(path).compactMap { LogFormat.segment(named: $0) }.sorted()
    }

    /// Makes durable what recovery read from `segments`, up to `end`. What lies past `synced` may have come from memory
    /// that a failed sync left unwritten, where another sync would do nothing: it is written again first.
    func persist(_ segments: [UInt64], past synced: LogLocation, through end: LogLocation) throws(EngineError) {
        for segment in segments where segment >= synced.segment && synced < end {
            let file = try fileSystem.open(path(of: segment), .readWrite)
            var offset = segment == synced.segment ? synced.offset : 0
            let bound = segment == end.segment ? end.offset : try file.size()
            while offset < bound {
                let bytes = try file.read(Int(min(bound - offset, 1 << 20)), at: offset)
                try bytes.withView { (view) throws(EngineError) in try file.writeFully(view, at: offset) }
                offset += UInt64(bytes.count)
            }
            try file.sync()
        }
    }

    /// The header of a segment; nil when the file has none that is valid.
    func header(of segment: UInt64) throws(EngineError) -> SegmentHeader? {
        let file = try fileSystem.open(path(of: segment), .read)
        guard try file.size() >= UInt64(LogFormat.segmentHeaderLength) else { return nil }
        let bytes = try file.read(LogFormat.segmentHeaderLength, at: 0)
        return try bytes.withView { (view) throws(EngineError) in
            try SegmentHeader.decode(view, segment: segment, identity: identity)
        }
    }
}

/// The cuts of a log, and what they make of its segments.
struct LogCuts: Sendable {
    private let cuts: [LogCut]

    init(_ cuts: [LogCut]) { self.cuts = cuts }

    /// Whether the segment lies between a cut and where the log goes on after it.
    func isDead(_ segment: UInt64) -> Bool {
        cuts.contains { $0.segment < segment && segment < $0.resumesAt }
    }

    /// The cut of a segment: the latest, where there are several.
    func cut(of segment: UInt64) -> LogCut? {
        cuts.filter { $0.segment == segment }.max { $0.resumesAt < $1.resumesAt }
    }

    /// The first cut of a segment after `segment` that is not dead: proof that the log reaches it.
    func firstLive(after segment: UInt64) -> LogCut? {
        cuts.filter { $0.segment > segment && !isDead($0.segment) }.min { $0.segment < $1.segment }
    }
}
