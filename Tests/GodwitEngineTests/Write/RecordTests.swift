import Testing

@testable import GodwitEngine

@Suite("Records")
struct RecordTests {
    /// The batch that `docs/formats/log.md` works through.
    static func documented() throws -> [UInt8] {
        let batch = WriteBatch()
        try batch.put("godwit", "lapponica", in: 1)
        try batch.add(PlainOperation(keyspace: 1, kind: .delete, key: Array("curlew".utf8)))
        try batch.put("alaska", "nz", deadline: 1_700_000_000_000, in: 2)
        let buffer = ByteWriter()
        batch.encode(into: buffer)
        RecordEncoder.finish(
            buffer, at: 0, epoch: Epoch(number: 3, tag: 0x5F00_AA12), firstSequence: 1040,
            stamp: 1_699_999_000_000 << 16 | 7, origin: 2, previousChain: 0x1122_3344_5566_7788)
        return buffer.view.array
    }

    @Test("the worked example of the document is what the encoder writes")
    func documentedExample() throws {
        let bytes = try Self.documented()
        #expect(bytes.hexRows == [
                "8e 00 00 00 8e 00 00 00 01 01 02 00 03 00 00 00",
                "03 00 00 00 12 aa 00 5f 10 04 00 00 00 00 00 00",
                "07 00 c0 25 d6 cf 8b 01 02 00 00 00 00 00 00 00",
                "01 00 00 00 1b 00 00 00 02 00 00 00 09 4f 67 51",
                "cf 8c a9 91 02 00 00 00 13 00 00 00 01 00 00 00",
                "1f 16 7f 9f d6 5a 33 7e 46 3a bc 67 08 9d 7d ac",
                "01 06 09 67 6f 64 77 69 74 6c 61 70 70 6f 6e 69",
                "63 61 02 06 00 63 75 72 6c 65 77 81 00 68 e5 cf",
                "8b 01 00 00 06 02 61 6c 61 73 6b 61 6e 7a",
            ])
    }
}
