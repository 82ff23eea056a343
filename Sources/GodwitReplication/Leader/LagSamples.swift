internal import GodwitEngine

/// When the log reached which length, coarsely: tells how old the oldest write is that somebody lacks, and how much log
/// that is. At most a thousand samples; when they are too many, every other goes, so that what is known gets coarser
/// and never younger.
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

    /// Notes where the log ends now.
    mutating func note(_ sequence: SequenceNumber, bytes: UInt64, now: UInt64) {
        if samples.isEmpty && last.sequence == 0 { last = (sequence, bytes) }
        guard sequence != last.sequence else { return }
        // A rewind, or another engine after a full copy: what was known is void.
        if sequence < last.sequence || bytes < last.bytes {
            samples = []
            last = (min(sequence, last.sequence), 0)
        }
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

    /// How long ago the log first passed a sequence number; nil when that is forgotten, or has not been.
    func age(of sequence: SequenceNumber, now: UInt64) -> UInt64? {
        guard sequence <= last.sequence, let sample = samples.last(where: { $0.sequence < sequence }) else {
            return nil
        }
        return now - min(sample.time, now)
    }
}
