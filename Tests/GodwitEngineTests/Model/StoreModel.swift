@testable import GodwitEngine

/// What a store must hold, in plain dictionaries. A value: a copy is a snapshot.
struct StoreModel {
    struct Value: Equatable {
        var bytes: [UInt8]
        /// The wall-clock millisecond from which the value is gone; 0 for never.
        var deadline: UInt64
    }

    struct Space {
        /// Which of the keyspaces that had this name it is.
        var life = 0
        var settings = KeyspaceSettings()
        var values: [[UInt8]: Value] = [:]
        /// When each key was last written, by sequence number.
        var written: [[UInt8]: SequenceNumber] = [:]
        var rangeDeletes: [RangeTombstone] = []

        mutating func put(_ key: [UInt8], _ bytes: [UInt8], deadline: UInt64, at sequence: SequenceNumber) {
            values[key] = Value(bytes: bytes, deadline: deadline)
            written[key] = sequence
        }

        mutating func delete(_ key: [UInt8], at sequence: SequenceNumber) {
            values[key] = nil
            written[key] = sequence
        }

        mutating func deleteRange(_ start: [UInt8], _ end: [UInt8], at sequence: SequenceNumber) {
            for key in values.keys where !key.precedes(start) && key.precedes(end) { values[key] = nil }
            rangeDeletes.append(RangeTombstone(start: start, end: end, sequence: sequence))
        }

        /// When a key was last written or deleted, alone or in a range.
        func lastChange(of key: [UInt8]) -> SequenceNumber {
            let covering = rangeDeletes.filter { !key.precedes($0.start) && key.precedes($0.end) }.map(\.sequence)
            return max(written[key] ?? 0, covering.max() ?? 0)
        }

        func value(_ key: [UInt8], now: UInt64) -> [UInt8]? {
            guard let value = values[key], value.deadline == 0 || now < value.deadline else { return nil }
            return value.bytes
        }

        /// The live entries of a range in key order.
        func entries(_ range: KeyRange, now: UInt64) -> [(key: [UInt8], value: [UInt8])] {
            values.filter { key, value in
                (value.deadline == 0 || now < value.deadline) && range.lower.map { !key.precedes($0) } ?? true
                    && range.upper.map { key.precedes($0) } ?? true
            }
            .map { (key: $0.key, value: $0.value.bytes) }.sorted { $0.key.precedes($1.key) }
        }
    }

    /// The keyspaces by name.
    var spaces: [String: Space] = ["default": Space()]

    /// Forgets when keys were written: nobody can ask any more after a reopen.
    mutating func forgetChanges() {
        for name in spaces.keys {
            spaces[name]?.written = [:]
            spaces[name]?.rangeDeletes = []
        }
    }
}

extension [UInt8] {
    /// Whether this key comes before another.
    func precedes(_ other: [UInt8]) -> Bool { lexicographicallyPrecedes(other) }

    /// The bytes as text where they are, for messages.
    var shown: String {
        if count <= 40, allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return "`" + String(decoding: self, as: UTF8.self) + "`" }
        return "\(count) bytes \(prefix(8).map { String($0, radix: 16) }.joined(separator: " "))…"
    }
}
