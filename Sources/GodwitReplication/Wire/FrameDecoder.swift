internal import GodwitEngine

/// A frame, lent by the decoder until its next call.
struct Frame {
    let type: FrameType
    /// The highest epoch the sender had heard of.
    let epoch: Epoch
    /// The payload, decompressed.
    let payload: ByteView
}

/// Cuts one direction of a link into frames. Bytes come in any pieces; memory grows with what has come, never with what
/// a length announces.
final class FrameDecoder {
    /// The most bytes a payload may have: little until the other side has said who it is.
    var limit = ReplicationFormat.maximumGreeting
    private let buffer = ByteWriter(capacity: 4 << 10)
    private let raw = ByteWriter(capacity: 16)
    /// Where the next frame begins in `buffer`.
    private var start = 0
    private var number: UInt64 = 0

    /// Takes the next bytes.
    func feed(_ bytes: [UInt8]) {
        if start == buffer.count {
            buffer.reset(keeping: 2 << 20)
            start = 0
        } else if start > 1 << 16 {
            let rest = buffer.view.dropFirst(start).array
            buffer.reset()
            buffer.append(rest)
            start = 0
        }
        buffer.append(bytes)
    }

    /// The next frame, or nil until more bytes have come. After a throw the link is of no more use.
    func next() throws(WireError) -> Frame? {
        let rest = buffer.view.dropFirst(start)
        guard rest.count >= ReplicationFormat.headerLength else { return nil }
        let length = Int(rest.load(0, as: UInt32.self))
        let (type, flags) = try check(rest, length)
        guard rest.count >= ReplicationFormat.headerLength + length else { return nil }
        let payload = rest.slice(ReplicationFormat.headerLength, length)
        guard rest.slice(0, 24).hash(seed: payload.longHash(seed: 0)) == rest.load(24, as: UInt64.self) else {
            throw WireError("frame \(number) fails its checksum: it was damaged on the way")
        }
        let epoch = Epoch(number: rest.load(8), tag: rest.load(12))
        start += ReplicationFormat.headerLength + length
        number += 1
        let isCompressed = flags & ReplicationFormat.compressedFlag != 0
        return Frame(type: type, epoch: epoch, payload: isCompressed ? try decompress(payload) : payload)
    }

    /// Checks what a header says by itself, before its payload is waited for.
    private func check(_ header: ByteView, _ length: Int) throws(WireError) -> (FrameType, flags: UInt8) {
        let version = header.load(6, as: UInt16.self)
        guard version == ReplicationFormat.version else {
            throw WireError(
                "version \(version) of the protocol is spoken over there, and \(ReplicationFormat.version) here",
                isOtherVersion: true)
        }
        guard length <= limit else { throw WireError("a frame of \(length) bytes: the limit is \(limit)") }
        let found = header.load(16, as: UInt64.self)
        guard found == number else { throw WireError("frame \(found) came where \(number) was due") }
        guard let type = FrameType(rawValue: header[4]) else {
            throw WireError("a frame of the unknown type \(header[4])")
        }
        let flags = header[5]
        guard flags & ~ReplicationFormat.compressedFlag == 0 else {
            throw WireError("a frame with unknown flags \(flags)")
        }
        return (type, flags)
    }

    private func decompress(_ payload: ByteView) throws(WireError) -> ByteView {
        guard payload.count > 4 else { throw WireError("a compressed frame without content") }
        let length = Int(payload.load(0, as: UInt32.self))
        // LZ4 gives at most 255 bytes for one.
        guard length <= limit, length <= payload.count * 255 else {
            throw WireError("a compressed frame of \(length) bytes: the limit is \(limit)")
        }
        raw.reset(keeping: 2 << 20)
        let written = unsafe raw.appendUninitialized(length) { target in
            unsafe payload.dropFirst(4).decompress(into: target, count: length) ? length : -1
        }
        guard written == length else { throw WireError("a compressed frame that is no LZ4 block") }
        return raw.view
    }
}
