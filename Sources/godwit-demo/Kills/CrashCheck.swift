import CommandSupport
import GodwitEngine

/// What is known of each writer, and whether a reopened store agrees.
struct CrashCheck {
    private let script: CrashScript
    /// The last batch of each writer known to be there: acknowledged, or seen after a reopening.
    private var known: [Int]
    /// How many kills came since: each may have left one batch that nobody acknowledged.
    private var kills: [Int]
    /// Batches acknowledged so far.
    private(set) var acknowledged = 0

    init(_ script: CrashScript, writers: Int) {
        self.script = script
        known = Array(repeating: 0, count: writers)
        kills = known
    }

    /// A child told that a batch is written.
    mutating func take(_ acknowledgement: Acknowledgement) throws(CommandFailure) {
        let (writer, number) = (Int(acknowledgement.writer), Int(acknowledgement.number))
        guard known.indices.contains(writer), number > known[writer] else {
            throw CommandFailure(
                "writer \(writer) acknowledged batch \(number) after \(known[writer]): the store had lost batches")
        }
        known[writer] = number
        kills[writer] = 0
        acknowledged += 1
    }

    /// The child was killed.
    mutating func noteKill() { for writer in kills.indices { kills[writer] += 1 } }

    /// Compares all that the store holds with what the scripts say.
    mutating func verify(_ engine: Engine) throws {
        let spaces = [try CrashStore.space(0, engine), try CrashStore.space(1, engine)]
        var expected: [CrashScript.Place: [UInt8]] = [:]
        for writer in known.indices {
            let heads = [
                try CrashStore.head(writer, engine, spaces[0]), try CrashStore.head(writer, engine, spaces[1]),
            ]
            guard heads[0] == heads[1] else {
                throw CommandFailure("half a batch of writer \(writer): left is at \(heads[0]), right at \(heads[1])")
            }
            guard heads[0] >= known[writer] else {
                throw CommandFailure(
                    "writer \(writer) lost acknowledged batches \(heads[0] + 1) to \(known[writer])")
            }
            let limit = known[writer] + kills[writer]
            guard heads[0] <= limit else {
                throw CommandFailure(
                    "writer \(writer) is at \(heads[0]), but cannot have come further than \(limit)"
                )
            }
            known[writer] = heads[0]
            kills[writer] = 0
            expected.merge(script.contents(writer, after: heads[0])) { _, new in new }
        }
        try compare(expected, engine, spaces)
    }

    private func compare(
        _ expected: [CrashScript.Place: [UInt8]], _ engine: Engine, _ spaces: [Keyspace]
    ) throws {
        var found: [CrashScript.Place: [UInt8]] = [:]
        for (index, space) in spaces.enumerated() {
            try engine.scan(in: space) { key, value in
                found[CrashScript.Place(space: index, key: String(decoding: key.array, as: UTF8.self))] = value.array
                return true
            }
        }
        for place in Set(expected.keys).union(found.keys).sorted() where expected[place] != found[place] {
            throw CommandFailure(
                "\(place) holds \(Self.name(found[place])) where it must hold \(Self.name(expected[place]))")
        }
        for (place, value) in expected {
            let stored: [UInt8]? = try engine.get(place.key, in: spaces[place.space])
            guard stored == value else { throw CommandFailure("\(place): a point read differs from the scan") }
        }
    }

    private static func name(_ value: [UInt8]?) -> String { value.map { "\($0.count) bytes" } ?? "nothing" }
}
