import Deadline
import Foundation
import GodwitEngine
import Testing

/// scan, load and compact, as a shell sees them.
@Suite(.deadline(seconds: 300)) struct RangeCommandTests {
    private let scratch = Scratch()
    private var data: String { scratch.path + "/store" }

    private func fill(_ entries: [(String, String)]) throws {
        let engine = try Engine.open(at: data)
        for (key, value) in entries { try engine.put(key, value, durability: .buffered) }
        try engine.close()
    }

    private func scan(_ arguments: String...) throws -> String {
        let scan = try Command.godwit(["scan", "--data", data] + arguments)
        #expect(scan.status == 0, "\(scan.errors)")
        return scan.text
    }

    @Test("scan prints ranges in order, reversed, limited, by prefix")
    func scans() throws {
        try fill([("b/2", "4"), ("a", "1"), ("c", "5"), ("b/1", "3"), ("b", "2")])
        #expect(try scan() == "a\t1\nb\t2\nb/1\t3\nb/2\t4\nc\t5\n")
        #expect(try scan("--prefix", "b/") == "b/1\t3\nb/2\t4\n")
        #expect(try scan("--from", "b", "--to", "b/2") == "b\t2\nb/1\t3\n")
        #expect(try scan("--reverse", "--limit", "2") == "c\t5\nb/2\t4\n")
        #expect(try scan("--reverse", "--prefix", "b/") == "b/2\t4\nb/1\t3\n")
        #expect(try scan("--limit", "0") == "")
        let refused = try Command.godwit(["scan", "--data", data, "--prefix", "a", "--from", "b"])
        #expect(refused.status == 2)
    }

    @Test("scan --json is one object a line, bytes that are no text in base 64")
    func scansJSON() throws {
        let engine = try Engine.open(at: data)
        try engine.put("k\"1", "v\n")
        try engine.put([0xFF, 0x00] as [UInt8], [0xFE] as [UInt8])
        try engine.close()
        #expect(
            try scan("--json") == #"{"key":"k\"1","value":"v\n"}"# + "\n"
                + #"{"keyBase64":"/wA=","valueBase64":"/g=="}"# + "\n")
    }

    @Test("load makes each row a JSON object of its non-empty columns; later rows win; empty keys are counted")
    func loads() throws {
        let csv = try scratch.file("rows.csv", "id,name,note\n1,one,\n2,\"two, \"\"2\"\"\",x\n,none,y\n1,uno,NA\n")
        let load = try Command.godwit(["load", "--data", data, "--csv", csv, "--key", "id"])
        #expect(load.status == 0)
        #expect(load.text == "loaded 3 rows, skipped 1 with an empty key\n")
        #expect(
            try scan()
                == "1\t" + #"{"id":"1","name":"uno","note":"NA"}"# + "\n2\t"
                + #"{"id":"2","name":"two, \"2\"","note":"x"}"# + "\n"
        )
    }

    @Test("load takes several key columns, a keyspace, a text for missing, standard input, and counts in JSON")
    func loadOptions() throws {
        let load = try Command.godwit(
            ["load", "--data", data, "--csv", "-", "--key", "a,b", "--keyspace", "k", "--missing", "NA", "--json"],
            input: Array("a,b,c\r\nx,y,NA\r\nNA,z,1\r\n".utf8))
        #expect(load.status == 0, "\(load.errors)")
        #expect(load.text == "{\"loaded\":1,\"skipped\":1}\n")
        #expect(try scan("--keyspace", "k") == "x/y\t{\"a\":\"x\",\"b\":\"y\"}\n")
        try Command.godwit(
            ["load", "--data", data, "--csv", "-", "--key", "a,b", "--join", "-"], input: Array("a,b\nx,y\n".utf8))
        #expect(try Command.godwit(["get", "--data", data, "x-y"]).status == 0)
    }

    @Test(
        "load names what is wrong with a file",
        arguments: [
            ("a,b\n1,2\n3\n", "line 3: 1 fields where the header has 2 columns"),
            ("a,a\n1,2\n", "two columns have the same name"),
            ("b,c\n1,2\n", "there is no column `a`; the columns are: b, c"),
            ("", "the file is empty"),
            ("a,b\n1,\"2\n", "line 2: a quoted field is never closed"),
        ])
    func loadErrors(text: String, message: String) throws {
        let csv = try scratch.file("bad.csv", text)
        let load = try Command.godwit(["load", "--data", data, "--csv", csv, "--key", "a"])
        #expect(load.status == 2)
        #expect(load.errors.contains(csv) && load.errors.contains(message), "\(load.errors)")
    }

    @Test("the real flights load: 26,849 of 27,004 rows name an aircraft, 3,148 different ones")
    func loadsFlights() throws {
        let csv = packageDirectory + "/fixtures/flights-2013-01.csv"
        let load = try Command.godwit(
            ["load", "--data", data, "--csv", csv, "--key", "tailnum", "--missing", "NA", "--json"])
        #expect(load.text == "{\"loaded\":26849,\"skipped\":155}\n")
        #expect(try scan().split(separator: "\n").count == 3148)
        #expect(try Command.godwit(["compact", "--data", data]).status == 0)
        #expect(try scan().split(separator: "\n").count == 3148)
    }

    @Test("compact gives the space of deleted data back")
    func compacts() throws {
        let engine = try Engine.open(at: data)
        var random = SystemRandomNumberGenerator()
        for number in 0..<2000 {
            let value = (0..<1000).map { _ in UInt8.random(in: 0...255, using: &random) }
            try engine.put("k\(number)", value, durability: .buffered)
        }
        try engine.flush()
        try engine.deleteRange(from: "k", to: "l")
        try engine.close()
        #expect(try tableBytes() > 1_000_000)
        #expect(try Command.godwit(["compact", "--data", data]).status == 0)
        #expect(try Command.godwit(["get", "--data", data, "k1"]).status == 1)
        #expect(try tableBytes() < 100_000)
    }

    private func tableBytes() throws -> Int {
        let files = FileManager.default
        return try files.contentsOfDirectory(atPath: data).filter { $0.hasSuffix(".sst") }.reduce(0) { sum, name in
            sum + ((try files.attributesOfItem(atPath: data + "/" + name)[.size] as? Int) ?? 0)
        }
    }
}
