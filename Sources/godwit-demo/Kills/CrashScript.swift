import CommandSupport

/// What the writers of the kill test write: batch `number` of a writer is decided by the seed, and so is everything
/// that the store must hold of the writer after it. Half a batch, a lost one or one applied twice cannot go unseen.
struct CrashScript {
    /// One operation of a batch.
    enum Operation {
        case put(space: Int, key: String, value: [UInt8])
        case delete(space: Int, key: String)
        case deleteRange(space: Int, from: String, to: String)
    }

    /// A key of one of the two keyspaces.
    struct Place: Hashable, Comparable, CustomStringConvertible {
        let space: Int
        let key: String

        static func < (left: Place, right: Place) -> Bool { (left.space, left.key) < (right.space, right.key) }
        var description: String { "\(CrashScript.spaces[space]): \(key)" }
    }

    /// The keyspaces that every batch writes to.
    static let spaces = ["left", "right"]

    let seed: UInt64

    /// The key that holds a writer's last number, in both keyspaces.
    static func head(_ writer: Int) -> String { "\(writer)/head" }

    /// Whether batch `number` is synced before it is acknowledged; the others must survive the process, not the
    /// machine.
    static func isSynced(_ number: Int) -> Bool { number % 3 != 0 }

    /// The operations of batch `number`, from 1.
    func operations(_ writer: Int, _ number: Int) -> [Operation] {
        let head = Array(String(number).utf8)
        var operations: [Operation] = [
            .put(space: 0, key: Self.head(writer), value: head),
            .put(space: 1, key: Self.head(writer), value: head),
            .put(space: 0, key: "\(writer)/slot/\(number % 16)", value: value(writer, number, 0)),
            .put(space: 1, key: "\(writer)/slot/\(number * 7 % 16)", value: value(writer, number, 1)),
        ]
        let flag = "\(writer)/flag"
        operations.append(
            number % 3 == 0 ? .delete(space: 1, key: flag) : .put(space: 1, key: flag, value: value(writer, number, 2)))
        if number % Self.trim == 0 {
            operations.append(.deleteRange(space: 0, from: log(writer, 0), to: log(writer, number - Self.trim + 1)))
        }
        operations.append(.put(space: 0, key: log(writer, number), value: value(writer, number, 3)))
        return operations
    }

    /// All that the store holds of a writer after batch `number`.
    func contents(_ writer: Int, after number: Int) -> [Place: [UInt8]] {
        var contents: [Place: [UInt8]] = [:]
        // Nothing older than two trims shows: slots turn over in 16 batches, the log is cut every `trim`.
        for step in max(1, number - 3 * Self.trim)..<(number + 1) {
            for operation in operations(writer, step) {
                switch operation {
                case .put(let space, let key, let value): contents[Place(space: space, key: key)] = value
                case .delete(let space, let key): contents[Place(space: space, key: key)] = nil
                case .deleteRange(let space, let from, let to):
                    contents = contents.filter { $0.key.space != space || $0.key.key < from || $0.key.key >= to }
                }
            }
        }
        return contents
    }

    /// Every so many batches the log keys before them are removed as a range.
    private static let trim = 64

    private func log(_ writer: Int, _ number: Int) -> String {
        let digits = String(number)
        return "\(writer)/log/" + String(repeating: "0", count: 12 - digits.count) + digits
    }

    private func value(_ writer: Int, _ number: Int, _ part: UInt64) -> [UInt8] {
        var chance = Chance(seed: seed ^ UInt64(writer) << 56 ^ UInt64(number) << 8 ^ part)
        let length = chance.next() % 32 == 0 ? Int(chance.next() % 20_000) : Int(chance.next() % 200)
        return (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number &+ Int(part)) }
    }
}
