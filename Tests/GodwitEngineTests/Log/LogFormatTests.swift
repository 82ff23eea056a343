import Testing

@testable import GodwitEngine

@Suite("Log format")
struct LogFormatTests {
    static let identity = LogIdentity(storeID: Array(0x10...0x1F), seed: 0x0123_4567_89AB_CDEF)
    static let header = SegmentHeader(
        segment: 12,
        start: HistoryPoint(
            position: Position(epoch: Epoch(number: 3, tag: 0x5F00_AA12), sequence: 1039),
            chain: 0x1122_3344_5566_7788),
        previous: LogLocation(segment: 9, offset: 4096), synced: LogLocation(segment: 9, offset: 3584))

    static func documentedFrame() throws -> [UInt8] {
        let frame = ByteWriter()
        frame.appendZeros(LogFormat.frameHeaderLength)
        let start = try "k".utf8Array.withView { (key) throws(EngineError) in
            try "v".utf8Array.withView { (value) throws(EngineError) in
                try RecordEncoder.put(key, value, keyspace: 1, into: frame)
            }
        }
        RecordEncoder.finish(
            frame, at: start, epoch: Epoch(number: 3, tag: 0x5F00_AA12), firstSequence: 1040,
            stamp: 1_699_999_000_000 << 16, origin: 2, previousChain: 0x1122_3344_5566_7788)
        FrameHeader.seal(
            frame, at: LogLocation(segment: 12, offset: 128), synced: LogLocation(segment: 9, offset: 3584),
            seed: identity.seed)
        return frame.array
    }

    @Test("the worked examples of the document are what the encoder writes")
    func documentedExamples() throws {
        let buffer = ByteWriter()
        Self.header.encode(into: buffer, identity: Self.identity)
        #expect(
            buffer.array.hexRows == [
                "47 57 4c 53 01 00 00 00 10 11 12 13 14 15 16 17",
                "18 19 1a 1b 1c 1d 1e 1f 0c 00 00 00 00 00 00 00",
                "03 00 00 00 12 aa 00 5f 0f 04 00 00 00 00 00 00",
                "88 77 66 55 44 33 22 11 09 00 00 00 00 00 00 00",
                "00 10 00 00 00 00 00 00 09 00 00 00 00 00 00 00",
                "00 0e 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
                "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
                "00 00 00 00 00 00 00 00 19 18 36 2e 66 b2 fc 35",
            ])
        #expect(
            try Self.documentedFrame().hexRows == [
                "47 57 4c 46 51 00 00 00 0c 00 00 00 00 00 00 00",
                "80 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00",
                "00 0e 00 00 00 00 00 00 69 02 e1 0b 64 a9 04 33",
                "51 00 00 00 51 00 00 00 01 01 02 00 01 00 00 00",
                "03 00 00 00 12 aa 00 5f 10 04 00 00 00 00 00 00",
                "00 00 c0 25 d6 cf 8b 01 01 00 00 00 00 00 00 00",
                "01 00 00 00 05 00 00 00 01 00 00 00 8c 66 a7 37",
                "97 fc 0c 82 87 18 a7 cd 0b 16 d5 ef 01 01 01 6b",
                "76 00 00 00 00 00 00 00",
            ])
    }
}
