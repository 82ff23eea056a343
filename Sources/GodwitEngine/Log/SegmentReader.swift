/// Reads the frames of one segment through a window of memory, so that replaying many small frames costs few file
/// reads. A view that a call returns is valid until the next call.
@safe
final class SegmentReader {
    /// The least that is read from the file at once.
    static let windowLength = 256 << 10

    let segment: UInt64
    /// The file's size when the reader was made; a segment in use does not change its size.
    let size: UInt64
    private let file: any File
    private let identity: LogIdentity
    @unsafe private var window: UnsafeMutableRawBufferPointer
    private var windowStart: UInt64 = 0
    private var windowCount = 0

    init(_ segment: UInt64, in directory: LogDirectory) throws(EngineError) {
        self.segment = segment
        identity = directory.identity
        file = try directory.fileSystem.open(directory.path(of: segment), .read)
        size = try file.size()
        unsafe window = .allocate(byteCount: Self.windowLength, alignment: 16)
    }

    deinit { unsafe window.deallocate() }

    /// The `count` bytes at `offset`; nil when they would pass `limit` or the end of the file.
    private func bytes(_ count: Int, at offset: UInt64, limit: UInt64) throws(EngineError) -> ByteView? {
        let bound = min(limit, size)
        guard offset <= bound, UInt64(count) <= bound - offset else { return nil }
        if offset < windowStart || offset + UInt64(count) > windowStart + UInt64(windowCount) {
            let wanted = max(count, Int(min(UInt64(Self.windowLength), bound - offset)))
            if unsafe wanted > window.count {
                unsafe window.deallocate()
                unsafe window = .allocate(byteCount: wanted, alignment: 16)
            }
            windowCount = 0
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: window[..<wanted])
            let read = try unsafe file.readFully(into: target, at: offset)
            windowStart = offset
            windowCount = read
            guard read >= count else { return nil }
        }
        let view = unsafe ByteView(UnsafeRawBufferPointer(window))
        return view.slice(Int(offset - windowStart), count)
    }

    /// The segment's header, or nil when it is not valid.
    func header() throws(EngineError) -> SegmentHeader? {
        guard let bytes = try bytes(LogFormat.segmentHeaderLength, at: 0, limit: .max) else { return nil }
        // What was read past the header may be written later: it is read again when a limit allows.
        windowCount = 0
        return try SegmentHeader.decode(bytes, segment: segment, identity: identity)
    }

    /// The frame at `offset` with its payload; nil when no valid frame stands there that ends by `limit`.
    func frame(at offset: UInt64, limit: UInt64) throws(EngineError) -> (header: FrameHeader, payload: ByteView)? {
        guard let head = try bytes(LogFormat.frameHeaderLength, at: offset, limit: limit),
            let header = FrameHeader.peek(
                head, at: LogLocation(segment: segment, offset: offset), room: min(limit, size) - offset)
        else { return nil }
        let length = LogFormat.frameLength(payload: header.payloadLength)
        guard let frame = try bytes(length, at: offset, limit: limit),
            frame.load(40) == FrameHeader.checksum(frame, seed: identity.seed)
        else { return nil }
        return (header, frame.slice(LogFormat.frameHeaderLength, header.payloadLength))
    }

    /// The first valid frame at or after `offset` (a multiple of 8) whose synced mark is above `mark`.
    func firstFrame(from offset: UInt64, syncedAbove mark: LogLocation) throws(EngineError) -> FrameHeader? {
        var next = offset
        while next + UInt64(LogFormat.frameHeaderLength) <= size {
            let count = Int(min(UInt64(Self.windowLength), size - next))
            guard let bytes = try bytes(count, at: next, limit: .max) else { return nil }
            var candidate: UInt64?
            var position = 0
            while position + LogFormat.frameHeaderLength <= count {
                // The magic rules out nearly every place; peek looks at the rest of the header.
                if bytes.load(position) == LogFormat.frameMagic {
                    let location = LogLocation(segment: segment, offset: next + UInt64(position))
                    let rest = bytes.slice(position, LogFormat.frameHeaderLength)
                    if let header = FrameHeader.peek(rest, at: location, room: size - location.offset),
                        header.synced > mark
                    {
                        candidate = location.offset
                        break
                    }
                }
                position += 8
            }
            guard let candidate else {
                next += UInt64(position)
                continue
            }
            if let found = try frame(at: candidate, limit: .max) { return found.header }
            next = candidate + 8
        }
        return nil
    }
}
