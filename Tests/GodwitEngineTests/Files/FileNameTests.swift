import Testing

@testable import GodwitEngine

@Suite struct FileNameTests {
    @Test("every kind of name prints and parses back")
    func roundTrip() {
        let numbers: [UInt64] = [0, 1, 12, 999_999, 1_000_000, 999_999_999_999_999_999]
        var names: [FileName] = [.current, .lock, .node]
        for number in numbers { names += [.manifest(number), .segment(number), .table(number), .temporary(number)] }
        for name in names { #expect(FileName(name.description) == name) }
        #expect(FileName.segment(12).path(in: "/store") == "/store/000012.log")
        #expect(FileName.manifest(1).description == "MANIFEST-000001")
        #expect(FileName.table(7).number == 7)
        #expect(FileName.node.number == nil)
    }

    @Test(
        "a name that the store would not write is not its own",
        arguments: [
            "", "CURRENT ", "current", "MANIFEST-", "MANIFEST-1", "MANIFEST-0000001", "MANIFEST-00001x", "12.log",
            "0000012.log", "00000a.sst", ".sst", "000001.SST", "000001.sstx", "000001sst", "+00001.log",
            "000001.log.tmp",
            "1000000000000000000.sst", "99999999999999999999.sst", "00000१.log",
        ])
    func strangers(name: String) { #expect(FileName(name) == nil) }
}
