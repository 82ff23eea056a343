internal import GodwitEngine

/// When the log reached which length, coarsely: tells how old the oldest write is that somebody lacks, and how much log
/// that is. At most a thousand samples; when they are too many, every other goes, so that what is known gets coarser
/// and never younger. What was written before the first look counts from there.
struct LagSamples {
    private struct Sample {
        let sequence: SequenceNumber
        /// Log bytes written before it was taken.
        let bytes: UInt64
        let time: UInt64
    }

    private static let limit = 1024
    private static let step: UInt64 = 1_000_000

    private var samples: [Sample] = []
    private var last = (sequence: 0 as SequenceNumber, bytes: 0 as UInt64)
    private var isBegun = false
    /// The end of the log when it was first looked at: how old what lies before it is, nobody knows.
    private var found: SequenceNumber = 0
    /// Bytes of log that were there before the engine began to count.
    private var before: UInt64 = 0

    /// Notes where the log ends now.
    ///
    /// - Parameters:
    ///   - bytes: Bytes of log written since the engine was opened.
    ///   - kept: What is kept of the log at the first look, in pieces: somebody may lack what was written before.
    mutating func note(_ sequence: SequenceNumber, bytes: UInt64, now: UInt64, kept: () -> [Engine.LogPiece]) {
        if !isBegun { begin(sequence, bytes, kept(), now: now) }
        guard sequence != last.sequence else { return }
        // A rewind, or another engine after a full copy: what was known is void.
        if sequence < last.sequence || before + bytes < last.bytes {
            samples = []
            last = (min(sequence, last.sequence), 0)
            (found, before) = (min(found, last.sequence), 0)
        }
        let bytes = before + bytes
        // Everything after the last length came between then and now: it counts from its first sight.
        if let newest = samples.last, now - newest.time < Self.step {
            last = (sequence, bytes)
            return
        }
        samples.append(Sample(sequence: last.sequence, bytes: last.bytes, time: now))
        last = (sequence, bytes)
        if samples.count > Self.limit {
            samples = samples.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        }
    }

    private mutating func begin(
        _ sequence: SequenceNumber, _ bytes: UInt64, _ kept: [Engine.LogPiece], now: UInt64
    ) {
        isBegun = true
        found = sequence
        var total: UInt64 = 0
        for piece in kept where piece.after < sequence {
            samples.append(Sample(sequence: piece.after, bytes: total, time: now))
            total += piece.bytes
        }
        before = max(total, bytes) - bytes
        last = (sequence, before + bytes)
    }

    /// Forgets what everybody has.
    mutating func forget(through sequence: SequenceNumber) {
        guard let kept = samples.lastIndex(where: { $0.sequence <= sequence }), kept > 0 else { return }
        samples.removeFirst(kept)
    }

    /// How far somebody lags who has everything up to a sequence number.
    func lag(of sequence: SequenceNumber, now: UInt64) -> (records: UInt64, bytes: UInt64, nanoseconds: UInt64) {
        guard sequence < last.sequence else { return (0, 0, 0) }
        // The last sample at or before it begins with the first write that it lacks, or with an older one.
        let sample = samples.last { $0.sequence <= sequence } ?? samples.first
        let time = sample?.time ?? now
        return (
            last.sequence - sequence, last.bytes - min(sample?.bytes ?? last.bytes, last.bytes), now - min(time, now)
        )
    }

    /// How long ago the log first passed a sequence number; nil when that is forgotten, was before the first look, or
    /// has not been.
    func age(of sequence: SequenceNumber, now: UInt64) -> UInt64? {
        guard sequence > found, sequence <= last.sequence,
            let sample = samples.last(where: { $0.sequence < sequence })
        else { return nil }
        return now - min(sample.time, now)
    }
}
