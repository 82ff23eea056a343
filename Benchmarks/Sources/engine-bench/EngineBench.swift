import ArgumentParser
import Foundation
import GodwitEngine

/// The engine by itself: how long a write, a cached read, an absent read and a scanned row take.
@main
struct EngineBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine-bench",
        abstract: "Measures the engine by itself, one thread, keys of 16 bytes in random order.",
        discussion: """
            Example: engine-bench --keys 1000000 --data /tmp/godwit-bench

            Throughput is timed around whole runs. The data directory must not exist; it is removed at the end.
            """)

    @Option(help: "How many keys.")
    var keys = 1_000_000
    @Option(help: "Bytes of a value, about half of them compressible.")
    var value = 100
    @Option(help: "The memory budget in MiB.")
    var budget = 2048
    @Option(help: "A directory that does not exist yet.")
    var data = "/tmp/godwit-engine-bench"
    @Option(help: "How many gets; 0 for as many as keys.")
    var gets = 0

    func run() throws {
        guard !FileManager.default.fileExists(atPath: data) else {
            throw ValidationError("\(data) exists; name a directory that does not")
        }
        defer { try? FileManager.default.removeItem(atPath: data) }
        var options = EngineOptions()
        options.memoryBudget = budget << 20
        let engine = try Engine.open(at: data, options: options)
        var generator = Generator(count: keys, valueLength: value)

        try measure("put-buffered", keys) {
            for index in 0..<keys {
                generator.use(permuted: index)
                try engine.put(generator.key, generator.value, durability: .buffered)
            }
        }
        let count = gets == 0 ? keys : gets
        try reads(engine, &generator, count, "get-uniform, before flush")
        try measure("flush", 1) { try engine.flush() }
        try measure("compact", 1) { try engine.compact() }
        try reads(engine, &generator, count, "get-uniform, warm-up")
        try reads(engine, &generator, count, "get-uniform, cached")
        var found = 0
        try measure("get-absent", count) {
            for _ in 0..<count {
                generator.useAbsent()
                if try engine.contains(generator.key) { found += 1 }
            }
        }
        precondition(found == 0)
        var rows = 0
        try measure("scan-full", keys) {
            try engine.scan { _, _ in
                rows += 1
                return true
            }
        }
        precondition(rows == keys, "\(rows) rows of \(keys) keys")
        print("bytes on disk: \(try engine.approximateSize() >> 20) MiB")
        try engine.close()
    }

    private func reads(_ engine: Engine, _ generator: inout Generator, _ count: Int, _ name: String) throws {
        var bytes = 0
        try measure(name, count) {
            for _ in 0..<count {
                generator.useRandom()
                bytes += try engine.get(generator.key) { $0.byteCount } ?? 0
            }
        }
        precondition(bytes == count * value, "some keys were not found")
    }

    private func measure(_ name: String, _ count: Int, _ body: () throws -> Void) rethrows {
        let clock = ContinuousClock()
        let time = try clock.measure(body)
        let nanoseconds = Double(time.components.seconds) * 1e9 + Double(time.components.attoseconds) / 1e9
        let label = name.padding(toLength: 28, withPad: " ", startingAt: 0)
        print("\(label) \(String(format: "%10.0f", nanoseconds / Double(count))) ns/op   \(String(format: "%8.2f", nanoseconds / 1e9)) s")
    }
}

/// Keys of 16 bytes: a permutation of 0..<count in decimal; values half random, half constant.
struct Generator {
    let count: UInt64
    private(set) var key = [UInt8](repeating: 0, count: 16)
    private(set) var value: [UInt8]
    private var state: UInt64 = 0x5DEE_CE66

    init(count: Int, valueLength: Int) {
        self.count = UInt64(count)
        value = [UInt8](repeating: 0x61, count: valueLength)
    }

    mutating func use(permuted index: Int) {
        // Multiplication by a prime that does not divide the count permutes.
        setKey(UInt64(index) &* 2_654_435_761 % count)
        for offset in 0..<value.count / 2 { value[offset] = UInt8(truncatingIfNeeded: next() >> 24) }
    }

    mutating func useRandom() { setKey(next() % count) }

    mutating func useAbsent() {
        setKey(next() % count)
        key[15] = 0x78
    }

    private mutating func setKey(_ number: UInt64) {
        var rest = number
        for offset in stride(from: 15, through: 0, by: -1) {
            key[offset] = 0x30 + UInt8(rest % 10)
            rest /= 10
        }
    }

    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
