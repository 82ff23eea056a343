/// Reads a log that nobody writes, all of it: to its end, and behind damage as far as anything verifies.
struct LogCheck {
    let directory: LogDirectory
    let cuts: [LogCut]
    let floor: UInt64
    /// Where the history stands by the manifest.
    let known: HistoryPoint
    /// The sequence number up to which the log must reach.
    let needed: SequenceNumber

    init(_ directory: LogDirectory, _ state: ManifestState) {
        self.directory = directory
        cuts = state.logCuts
        floor = state.logFloor
        known = state.end
        needed = max(
            state.end.position.sequence, state.keyspaces.map(\.meta.flushedThrough).max() ?? 0)
    }

    init(_ directory: LogDirectory, _ layout: LogLayout) {
        self.directory = directory
        cuts = layout.cuts
        floor = layout.floor
        known = .start
        needed = 0
    }

    /// Reads, and adds what is wrong to the report. Returns the last sequence number that verifies behind damage; nil
    /// where nothing is damaged.
    @discardableResult
    func run(_ report: inout VerificationReport, _ progress: inout ProgressCounter) -> SequenceNumber? {
        guard floor != 0 else { return nil }
        var end = LogLocation(segment: floor, offset: 0)
        var point: HistoryPoint?
        do throws(EngineError) {
            progress.begin("checking the log")
            let reader = try LogReader(directory, cuts: cuts, from: floor, fallback: known)
            defer {
                end = reader.end
                point = reader.point
                report.files += reader.segmentsRead.count
            }
            var passed = LogLocation.none
            while try reader.next() != nil {
                report.records += 1
                let now = reader.end
                let bytes = now.offset - (now.segment == passed.segment ? passed.offset : 0)
                report.bytes += bytes
                if bytes > 0 { progress.pass(bytes) }
                passed = now
            }
            try checkReach(reader.point, reader.end)
            return nil
        } catch {
            let path = directory.path(of: end.segment)
            report.add(error, fallback: path)
            return survey(from: end, error.file ?? path, point, &report)
        }
    }

    /// The log was synced before any table that holds its records was named.
    private func checkReach(_ point: HistoryPoint, _ end: LogLocation) throws(EngineError) {
        guard point.position.sequence < needed else { return }
        throw EngineError(
            .corruption, "the log ends at sequence number \(point.position.sequence), and \(needed) was durable",
            file: directory.path(of: end.segment), offset: end.offset)
    }

    /// Looks behind damage: names each further place where frames are missing, and says how far records can be read.
    private func survey(
        from end: LogLocation, _ file: String, _ point: HistoryPoint?, _ report: inout VerificationReport
    ) -> SequenceNumber {
        var frames = 0
        var last: SequenceNumber = 0
        let live = LogCuts(cuts)
        let segments = ((try? directory.segments()) ?? []).filter { $0 >= end.segment && !live.isDead($0) }
        for segment in segments {
            guard let reader = try? SegmentReader(segment, in: directory) else { continue }
            let path = directory.path(of: segment)
            let bound = live.cut(of: segment)?.endOffset ?? .max
            let hasHeader = ((try? reader.header()) ?? nil) != nil
            var offset = max(UInt64(LogFormat.segmentHeaderLength), segment == end.segment ? end.offset : 0)
            var isExpected = segment == end.segment
            while let found = try? reader.firstFrame(from: offset, syncedAbove: .none), found.location.offset < bound {
                if !hasHeader { report.add(path, 0, "the segment's header does not verify") }
                if found.location.offset != offset, !isExpected {
                    report.add(path, offset, "no valid frame here, but one at byte \(found.location.offset)")
                }
                isExpected = false
                if let frame = try? reader.frame(at: found.location.offset, limit: .max) {
                    var run = RecordRun(frame.payload)
                    while let record = try? run.next() {
                        last = max(last, record.lastSequence)
                        if (try? record.verifyPayloads()) == nil {
                            report.add(path, found.location.offset, "a record's section does not have its hash")
                        }
                    }
                }
                frames += 1
                offset = found.end.offset
            }
        }
        var text =
            point.map { "records up to sequence number \($0.position.sequence) are readable" }
            ?? "no record can be read in its order"
        if frames > 0 { text += "; behind the damage \(frames) frames verify, with records up to \(last)" }
        report.note(file, readable: text)
        return last
    }
}
