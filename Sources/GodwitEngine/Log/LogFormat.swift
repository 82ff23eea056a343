/// The local wrapping of records. Little-endian; `docs/formats/log.md` has a worked example.
///
/// A segment is one file `NNNNNN.log`, laid out (zeros, or the old bytes of a recycled segment) and synced before it
/// is used, so that an append neither runs out of space nor changes the file's size. It begins with a header of 128
/// bytes:
///
///     0    4   magic "GWLS"
///     4    4   format, 1
///     8    16  store id
///     24   8   segment number, as in the file name
///     32   4   epoch number      \
///     36   4   epoch tag          | the point of the history after which the segment begins
///     40   8   sequence number    |
///     48   8   chain value       /
///     56   8   previous segment, 0 for none
///     64   8   end of the last frame there
///     72   8   synced segment    \ the log was durable up to here when the header was written
///     80   8   synced offset     /
///     88   32  zeros
///     120  8   checksum = XXH3-64(bytes 0 ..< 120, seed: store seed)
///
/// Frames follow, each at a multiple of 8, each with the records of one commit group:
///
///     0    4   magic "GWLF"
///     4    4   payload length
///     8    8   segment number
///     16   8   offset of this frame
///     24   8   synced segment    \ the log was durable up to here when the frame was written
///     32   8   synced offset     /
///     40   8   checksum = XXH3-64(bytes 0 ..< 40, seed: XXH3-64(payload and padding, seed: store seed))
///     48       payload: records one after the other; then zeros up to a multiple of 8
///
/// Segment and offset are in the frame so that stale bytes of a recycled file, and bytes that a disk put in the wrong
/// place, never verify; the synced mark is there to tell bytes lost in a power cut (never synced: the log ends there)
/// from bytes damaged later (synced once: an error).
enum LogFormat {
    /// The version of the segment format that is written.
    static let format: UInt32 = 1
    /// "GWLS".
    static let segmentMagic: UInt32 = 0x534C_5747
    /// "GWLF".
    static let frameMagic: UInt32 = 0x464C_5747
    static let segmentHeaderLength = 128
    static let frameHeaderLength = 48
    /// The most payload bytes in one frame; keeps every length in 32 bits.
    static let maximumFramePayload = 1 << 30

    /// The bytes that a frame takes in its segment.
    @inline(__always)
    static func frameLength(payload: Int) -> Int { frameHeaderLength + (payload + 7) & ~7 }

    /// `000012.log`.
    static func fileName(_ segment: UInt64) -> String {
        let digits = String(segment)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".log"
    }

    /// The segment that a file name stands for, or nil when it is none.
    static func segment(named name: String) -> UInt64? {
        guard name.hasSuffix(".log"), name.utf8.count >= 10 else { return nil }
        let digits = name.utf8.dropLast(4)
        guard digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            let number = UInt64(String(name.dropLast(4))), fileName(number) == name
        else { return nil }
        return number
    }
}

/// The first 128 bytes of a segment.
struct SegmentHeader: Equatable, Sendable {
    var segment: UInt64
    /// The point of the history after which the segment begins.
    var start: HistoryPoint
    /// The end of the log in the segment before; `.none` when there is none.
    var previous: LogLocation
    /// How far the log was durable when the header was written.
    var synced: LogLocation

    func encode(into buffer: ByteWriter, identity: LogIdentity) {
        let base = buffer.count
        buffer.append(LogFormat.segmentMagic)
        buffer.append(LogFormat.format)
        buffer.append(identity.storeID)
        buffer.append(segment)
        buffer.append(start.position.epoch.number)
        buffer.append(start.position.epoch.tag)
        buffer.append(start.position.sequence)
        buffer.append(start.chain)
        buffer.append(previous.segment)
        buffer.append(previous.offset)
        buffer.append(synced.segment)
        buffer.append(synced.offset)
        buffer.appendZeros(32)
        buffer.append(buffer.view.slice(base, 120).hash(seed: identity.seed))
    }

    /// The header that `bytes` begin with; nil when they are none of this store and this segment. Throws
    /// `.unsupportedFormat` when they are one of a newer version.
    static func decode(
        _ bytes: ByteView, segment: UInt64, identity: LogIdentity
    ) throws(EngineError) -> SegmentHeader? {
        guard bytes.count >= LogFormat.segmentHeaderLength, bytes.load(0) == LogFormat.segmentMagic,
            bytes.load(120) == bytes.slice(0, 120).hash(seed: identity.seed),
            bytes.load(24) == segment, identity.storeID.withView({ $0.equals(bytes.slice(8, 16)) })
        else { return nil }
        let format = bytes.load(4, as: UInt32.self)
        guard format == LogFormat.format else {
            throw EngineError(
                .unsupportedFormat, "log segment of format \(format): written by a newer Godwit",
                file: LogFormat.fileName(segment), offset: 4)
        }
        let position = Position(epoch: Epoch(number: bytes.load(32), tag: bytes.load(36)), sequence: bytes.load(40))
        return SegmentHeader(
            segment: segment, start: HistoryPoint(position: position, chain: bytes.load(48)),
            previous: LogLocation(segment: bytes.load(56), offset: bytes.load(64)),
            synced: LogLocation(segment: bytes.load(72), offset: bytes.load(80)))
    }
}

/// The first 48 bytes of a frame.
struct FrameHeader: Equatable, Sendable {
    var payloadLength: Int
    /// Where the frame stands.
    var location: LogLocation
    /// How far the log was durable when the frame was written.
    var synced: LogLocation

    /// The first byte after the frame.
    var end: LogLocation {
        LogLocation(
            segment: location.segment,
            offset: location.offset + UInt64(LogFormat.frameLength(payload: payloadLength)))
    }

    /// What the 48 bytes at `offset` of a segment say, the checksum not yet looked at; nil when no frame of this
    /// segment can stand there. `room` is how many bytes the segment has from `offset` on.
    @inline(__always)
    static func peek(_ bytes: ByteView, at location: LogLocation, room: UInt64) -> FrameHeader? {
        guard bytes.count >= LogFormat.frameHeaderLength, bytes.load(0) == LogFormat.frameMagic,
            bytes.load(8) == location.segment, bytes.load(16) == location.offset
        else { return nil }
        let length = bytes.load(4, as: UInt32.self)
        guard length <= UInt32(LogFormat.maximumFramePayload),
            UInt64(LogFormat.frameLength(payload: Int(length))) <= room
        else { return nil }
        return FrameHeader(
            payloadLength: Int(length), location: location,
            synced: LogLocation(segment: bytes.load(24), offset: bytes.load(32)))
    }

    /// The checksum of a whole frame: header, payload and padding.
    static func checksum(_ frame: ByteView, seed: UInt64) -> UInt64 {
        let payload = frame.dropFirst(LogFormat.frameHeaderLength)
        let inner = payload.count <= 240 ? payload.hash(seed: seed) : payload.longHash(seed: seed)
        return frame.slice(0, 40).hash(seed: inner)
    }

    /// Fills in the header of the frame whose payload follows its first 48 bytes in `frame`, and pads it.
    static func seal(_ frame: ByteWriter, at location: LogLocation, synced: LogLocation, seed: UInt64) {
        let payload = frame.count - LogFormat.frameHeaderLength
        precondition(payload >= 0 && payload <= LogFormat.maximumFramePayload, "log: frame length")
        frame.appendZeros(LogFormat.frameLength(payload: payload) - frame.count)
        frame.patch(UInt64(payload) << 32 | UInt64(LogFormat.frameMagic), at: 0)
        frame.patch(location.segment, at: 8)
        frame.patch(location.offset, at: 16)
        frame.patch(synced.segment, at: 24)
        frame.patch(synced.offset, at: 32)
        frame.patch(checksum(frame.view, seed: seed), at: 40)
    }
}
