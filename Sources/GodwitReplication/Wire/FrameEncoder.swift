internal import GodwitEngine

/// Makes the frames of one direction of a link, and counts them.
final class FrameEncoder {
    private let buffer = ByteWriter(capacity: 4 << 10)
    private var compressor: Compressor?
    private var number: UInt64 = 0

    /// A message as a frame.
    ///
    /// - Parameters:
    ///   - epoch: The highest epoch the sender has heard of.
    ///   - compressing: Whether the payload may be compressed, where that saves an eighth.
    func encode(_ message: Message, epoch: Epoch, compressing: Bool = false) -> [UInt8] {
        buffer.reset(keeping: 1 << 20)
        buffer.appendZeros(ReplicationFormat.headerLength)
        message.encode(into: buffer)
        var flags: UInt8 = 0
        var frame = buffer
        if compressing, let compressed = compress() {
            frame = compressed
            flags = ReplicationFormat.compressedFlag
        }
        let payload = frame.view.dropFirst(ReplicationFormat.headerLength)
        precondition(payload.count <= ReplicationFormat.maximumPayload, "a frame past its limit")
        frame.patch(UInt32(payload.count), at: 0)
        frame.patch(message.type.rawValue, at: 4)
        frame.patch(flags, at: 5)
        frame.patch(ReplicationFormat.version, at: 6)
        frame.patch(epoch.number, at: 8)
        frame.patch(epoch.tag, at: 12)
        frame.patch(number, at: 16)
        frame.patch(frame.view.slice(0, 24).hash(seed: payload.longHash(seed: 0)), at: 24)
        number += 1
        return frame.array
    }

    /// The frame with its payload compressed; nil where that would not save an eighth.
    private func compress() -> ByteWriter? {
        let payload = buffer.view.dropFirst(ReplicationFormat.headerLength)
        let compressor = compressor ?? Compressor()
        self.compressor = compressor
        let output = ByteWriter(capacity: payload.count)
        output.appendZeros(ReplicationFormat.headerLength)
        output.append(UInt32(payload.count))
        return compressor.compress(payload, into: output) ? output : nil
    }
}
