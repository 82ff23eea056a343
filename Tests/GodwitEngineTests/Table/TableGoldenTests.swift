import GodwitSimulation
import Testing

@testable import GodwitEngine

/// The bytes of the worked example in `docs/formats/table.md`: every line there that begins with an offset and a colon.
private func documentedBytes() throws -> [UInt8] {
    let here = #filePath.split(separator: "/")
    let path = "/" + here.dropLast(4).joined(separator: "/") + "/docs/formats/table.md"
    let file = try PosixFileSystem().open(path, .read)
    let text = String(decoding: try file.read(Int(file.size()), at: 0), as: UTF8.self)
    var bytes: [UInt8] = []
    for line in text.split(separator: "\n") {
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, parts[0].count == 4, Int(parts[0], radix: 16) == bytes.count else { continue }
        let hex = parts[1].prefix { $0 != "|" }
        bytes += hex.split(separator: " ").compactMap { UInt8($0, radix: 16) }
    }
    return bytes
}

/// Two digits for a byte, or four for an offset.
private func hex(_ number: Int, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: digits - text.count) + text
}

@Test("the worked example in the format's description is what the writer writes, byte for byte")
func goldenTable() throws {
    let fixture = try TableFixture()
    try fixture.write(
        [
            TestEntry(Array("ape".utf8), 7, [], kind: .delete), TestEntry(Array("ape".utf8), 5, Array("Anna".utf8)),
            TestEntry(Array("apt".utf8), 6, Array("Otto".utf8), deadline: 1_700_000_000_000),
        ], options: TableOptions(compression: .none))
    let bytes = try #require(fixture.files.contents(TableFixture.path))
    let documented = try documentedBytes()
    if documented != bytes {
        for start in stride(from: 0, to: bytes.count, by: 16) {
            let line = bytes[start..<min(start + 16, bytes.count)].map { hex(Int($0), 2) }
            print("\(hex(start, 4)): \(line.joined(separator: " "))")
        }
    }
    #expect(documented == bytes)
}
