internal import GodwitEngine

/// Commands on keys of any kind.
enum Keys {
    // MARK: Presence

    static func delete(_ call: Call) throws(Interrupt) {
        var found: [(key: ByteSlice, large: (head: LargeHash, deadline: UInt64)?)] = []
        var seen = Set<SliceKey>()
        try call.readAll(1..<call.count) { (index, value) throws(Interrupt) in
            guard let value else { return }
            if call.count > 2, !seen.insert(SliceKey(slice: call[index])).inserted { return }
            found.append((call[index], Strings.large(value)))
        }
        for (key, large) in found {
            if let large { try call.removeFields(large.head, deadline: large.deadline) }
            try call.executor.delete(call.writable().keys, key)
        }
        call.reply.integer(found.count)
    }

    static func unlink(_ call: Call) throws(Interrupt) { try delete(call) }

    static func exists(_ call: Call) throws(Interrupt) {
        if call.count > 2 { try call.executor.holdMoment() }
        var found = 0
        try call.readAll(1..<call.count) { (_, value) throws(Interrupt) in if value != nil { found += 1 } }
        call.reply.integer(found)
    }

    static func touch(_ call: Call) throws(Interrupt) { try exists(call) }

    static func typeOf(_ call: Call) throws(Interrupt) {
        if let value = try call.read(call[1]) { call.reply.simple(value.typeName) } else { call.reply.simple("none") }
    }

    // MARK: Expiry

    static func expire(_ call: Call) throws(Interrupt) { try expire(call, .seconds, isAbsolute: false) }

    static func pexpire(_ call: Call) throws(Interrupt) { try expire(call, .milliseconds, isAbsolute: false) }

    static func expireat(_ call: Call) throws(Interrupt) { try expire(call, .seconds, isAbsolute: true) }

    static func pexpireat(_ call: Call) throws(Interrupt) { try expire(call, .milliseconds, isAbsolute: true) }

    /// The conditions of EXPIRE.
    private struct Conditions {
        var nx = false
        var xx = false
        var gt = false
        var lt = false

        init(_ call: Call) throws(Interrupt) {
            for index in stride(from: 3, to: call.count, by: 1) {
                let word = call[index]
                if word.isWord("NX") {
                    nx = true
                } else if word.isWord("XX") {
                    xx = true
                } else if word.isWord("GT") {
                    gt = true
                } else if word.isWord("LT") {
                    lt = true
                } else {
                    throw .failed("ERR Unsupported option \(Dispatch.clipped(word, .max))")
                }
            }
            if nx, xx || gt || lt {
                throw .failed("ERR NX and XX, GT or LT options at the same time are not compatible")
            }
            if gt, lt { throw .failed("ERR GT and LT options at the same time are not compatible") }
        }

        /// Whether a key that is gone at `present` (0 for never) may be so at `wanted`.
        func allow(_ wanted: Int, _ present: UInt64) -> Bool {
            if nx, present != 0 { return false }
            if xx, present == 0 { return false }
            if gt, present == 0 || wanted <= Int(present) { return false }
            if lt, present != 0, wanted >= Int(present) { return false }
            return true
        }
    }

    private static func expire(_ call: Call, _ unit: Expiry.Unit, isAbsolute: Bool) throws(Interrupt) {
        let conditions = try Conditions(call)
        var when = try call.integer(2)
        let invalid = Interrupt.failed("ERR invalid expire time in '\(call.command.name)' command")
        if unit == .seconds {
            if when > Int.max / 1000 || when < Int.min / 1000 { throw invalid }
            when *= 1000
        }
        if !isAbsolute {
            if when > Int.max - Int(call.now) { throw invalid }
            when += Int(call.now)
        }
        guard let value = try call.read(call[1]) else { return call.reply.integer(0) }
        guard conditions.allow(when, value.deadline) else { return call.reply.integer(0) }
        if when <= Int(call.now) {
            try call.delete(call[1], value)
        } else {
            try setDeadline(call, call[1], value, UInt64(when))
        }
        call.reply.integer(1)
    }

    /// Writes a value anew with another deadline.
    private static func setDeadline(
        _ call: Call, _ key: ByteSlice, _ value: Value, _ deadline: UInt64
    ) throws(Interrupt) {
        if value.kind == .largeHash { try moveIndex(call, LargeHash(value.payload), value.deadline, deadline, key) }
        try call.put(key, value.kind, deadline: deadline) { $0.append(value.payload) }
    }

    /// Puts a large hash's row of the index of deadlines to another place, or says another key in it.
    private static func moveIndex(
        _ call: Call, _ head: LargeHash, _ old: UInt64, _ new: UInt64, _ key: ByteSlice
    ) throws(Interrupt) {
        let database = try call.writable()
        if old != new {
            try head.indexKey(deadline: old).withSlice { (row) throws(Interrupt) in
                try call.executor.delete(database.deadlines, row)
            }
        }
        try head.indexKey(deadline: new).withSlice { (row) throws(Interrupt) in
            try call.executor.put(database.deadlines, row) { $0.append(key) }
        }
    }

    static func persist(_ call: Call) throws(Interrupt) {
        guard let value = try call.read(call[1]), value.deadline != 0 else { return call.reply.integer(0) }
        try setDeadline(call, call[1], value, 0)
        call.reply.integer(1)
    }

    static func ttl(_ call: Call) throws(Interrupt) { try remaining(call, .seconds, isAbsolute: false) }

    static func pttl(_ call: Call) throws(Interrupt) { try remaining(call, .milliseconds, isAbsolute: false) }

    static func expiretime(_ call: Call) throws(Interrupt) { try remaining(call, .seconds, isAbsolute: true) }

    static func pexpiretime(_ call: Call) throws(Interrupt) { try remaining(call, .milliseconds, isAbsolute: true) }

    private static func remaining(_ call: Call, _ unit: Expiry.Unit, isAbsolute: Bool) throws(Interrupt) {
        guard let value = try call.read(call[1]) else { return call.reply.integer(-2) }
        if value.deadline == 0 { return call.reply.integer(-1) }
        let deadline = Int(value.deadline)
        let time = isAbsolute ? deadline : max(0, deadline - Int(call.now))
        call.reply.integer(unit == .seconds ? Int((UInt64(time) + 500) / 1000) : time)
    }

    // MARK: Copies and names

    static func rename(_ call: Call) throws(Interrupt) { try rename(call, onlyNew: false) }

    static func renamenx(_ call: Call) throws(Interrupt) { try rename(call, onlyNew: true) }

    private static func rename(_ call: Call, onlyNew: Bool) throws(Interrupt) {
        guard let value = try call.read(call[1]) else { throw .noSuchKey }
        if call[1].equals(call[2]) { return onlyNew ? call.reply.integer(0) : call.reply.ok() }
        try call.check(key: call[2])
        let target = try call.read(call[2], into: call.second)
        if onlyNew, target != nil { return call.reply.integer(0) }
        if let target, let large = Strings.large(target) {
            try call.removeFields(large.head, deadline: large.deadline)
        }
        if value.kind == .largeHash {
            try moveIndex(call, LargeHash(value.payload), value.deadline, value.deadline, call[2])
            call.executor.largeKeys.insert(call.client.database, call[2])
        }
        try call.put(call[2], value.kind, deadline: value.deadline) { $0.append(value.payload) }
        try call.executor.delete(call.writable().keys, call[1])
        if onlyNew { call.reply.integer(1) } else { call.reply.ok() }
    }

    static func copy(_ call: Call) throws(Interrupt) {
        var number = call.client.database
        var replaces = false
        var index = 3
        while index < call.count {
            if call[index].isWord("REPLACE") {
                replaces = true
            } else if index + 1 < call.count, call[index].isWord("DB") {
                number = try Connections.database(call, index + 1)
                index += 1
            } else {
                throw .syntax
            }
            index += 1
        }
        if number == call.client.database, call[1].equals(call[2]) {
            throw .failed("ERR source and destination objects are the same")
        }
        guard let value = try call.read(call[1]) else { return call.reply.integer(0) }
        try call.check(key: call[2])
        let target = try call.read(call[2], into: call.second, in: number)
        if target != nil, !replaces { return call.reply.integer(0) }
        let fields = value.kind == .largeHash ? try HashView(call, call[1]).all() : []
        _ = try call.writable(number)
        if let target, let large = Strings.large(target) {
            try call.removeFields(large.head, deadline: large.deadline, in: number)
        }
        if value.kind == .largeHash {
            try copyLarge(call, fields, value.deadline, number)
        } else {
            try call.put(call[2], value.kind, deadline: value.deadline, in: number) { $0.append(value.payload) }
        }
        call.reply.integer(1)
    }

    /// The most bytes of fields that one batch copies.
    private static let copyLimit = 48 << 20

    private static func copyLarge(
        _ call: Call, _ fields: [(field: [UInt8], value: [UInt8])], _ deadline: UInt64, _ number: Int
    ) throws(Interrupt) {
        guard fields.reduce(0, { $0 + $1.field.count + $1.value.count + 32 }) <= copyLimit else {
            throw .failed("ERR the hash has more than \(copyLimit) bytes: too many to be copied at once")
        }
        let database = try call.writable(number)
        let head = LargeHash(incarnation: call.executor.newIncarnation(), count: fields.count)
        call.executor.largeKeys.insert(number, call[2])
        for (field, value) in fields {
            try field.withSlice { (field) throws(Interrupt) in
                try HashView.rowKey(head, field, in: call.build) { (key) throws(Interrupt) in
                    try call.executor.put(database.fields, key) { $0.append(value) }
                }
            }
        }
        try call.put(call[2], .largeHash, deadline: deadline, in: number) { head.encode(into: $0) }
        try head.indexKey(deadline: deadline).withSlice { (row) throws(Interrupt) in
            try call.executor.put(database.deadlines, row) { $0.append(call[2]) }
        }
    }

    // MARK: All keys

    static func scan(_ call: Call) throws(Interrupt) {
        let cursor = try ScanOptions.cursor(call[1])
        let options = try ScanOptions(call, from: 2, takesType: true)
        guard let database = call.database else { return reply(call, 0, []) }
        let scope = CursorTable.Scope(database: database.number)
        var request = ScanRequest(keyspace: database.keys)
        if cursor != 0 { request.lower = try call.executor.cursors.find(cursor, in: scope) + [0] }
        request.limit = options.count
        request.wantsValues = false
        let result = try call.executor.scan(request)
        var next: UInt64 = 0
        if !result.isComplete, let last = result.last { next = call.executor.cursors.make(scope, last) }
        let rows = result.rows.filter { row in
            guard options.matches(row.key) else { return false }
            guard let type = options.type else { return true }
            let isString = row.value.first.map { $0 & ~Value.deadlineBit == Value.Kind.string.rawValue } ?? false
            return type == (isString ? "string" : "hash")
        }
        reply(call, next, rows.map(\.key))
    }

    private static func reply(_ call: Call, _ cursor: UInt64, _ keys: [[UInt8]]) {
        call.reply.array(2)
        call.reply.bulk("\(cursor)")
        call.reply.array(keys.count)
        for key in keys { call.reply.bulk(key) }
    }

    static func keys(_ call: Call) throws(Interrupt) {
        guard let database = call.database else { return call.reply.array(0) }
        var request = ScanRequest(keyspace: database.keys, pattern: call[1].array, wantsValues: false)
        if request.pattern == [UInt8(ascii: "*")] { request.pattern = nil }
        let rows = try call.executor.scan(request).rows
        call.reply.array(rows.count)
        for row in rows { call.reply.bulk(row.key) }
    }

    static func randomkey(_ call: Call) throws(Interrupt) {
        guard let database = call.database else { return call.reply.null() }
        if call.executor.isInTransaction, call.executor.isDirty {
            // What the transaction has written counts.
            let request = ScanRequest(keyspace: database.keys, wantsValues: false)
            let rows = try call.executor.scan(request).rows
            if let row = rows.randomElement() { call.reply.bulk(row.key) } else { call.reply.null() }
            return
        }
        try call.executor.holdMoment()
        var ends = ScanRequest(keyspace: database.keys, limit: 1, wantsValues: false)
        guard let first = try call.executor.scan(ends).rows.first?.key else { return call.reply.null() }
        ends.isReverse = true
        guard let last = try call.executor.scan(ends).rows.first?.key else { return call.reply.bulk(first) }
        let lower = between(first, last, call.executor.draws.chance())
        let request = ScanRequest(keyspace: database.keys, lower: lower, limit: 1, wantsValues: false)
        let row = try call.executor.scan(request).rows.first
        call.reply.bulk(row?.key ?? first)
    }

    /// Some key between two, by chance in the eight bytes behind what both begin with.
    private static func between(_ first: [UInt8], _ last: [UInt8], _ chance: UInt64) -> [UInt8] {
        let common = zip(first, last).prefix { $0 == $1 }.count
        func word(_ key: [UInt8]) -> UInt64 {
            (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(common + $1 < key.count ? key[common + $1] : 0) }
        }
        let (low, high) = (word(first), word(last))
        let width = max(low, high) &- low
        let offset = width == .max ? chance : chance % (width + 1)
        return Array(first.prefix(common)) + LargeHash.bigEndian(low &+ offset)
    }

    /// Up to how many keys DBSIZE counts exactly.
    private static let exactCount = 100_000

    static func dbsize(_ call: Call) throws(Interrupt) {
        guard let database = call.database else { return call.reply.integer(0) }
        let use = call.executor.engine?.metrics.keyspaces.first { $0.id == database.keys.id }
        let entries = use.map { Int($0.entries + $0.memtableEntries) } ?? 0
        if call.executor.isInTransaction, entries <= exactCount {
            // What the transaction has written counts.
            let request = ScanRequest(keyspace: database.keys, wantsValues: false)
            return call.reply.integer(try call.executor.scan(request).rows.count)
        }
        let request = ScanRequest(keyspace: database.keys, limit: exactCount, isCount: true)
        let counted = try call.executor.scan(request)
        if counted.isComplete { return call.reply.integer(counted.count) }
        let deletes = use?.levels.reduce(0) { $0 + Int($1.tombstones) } ?? 0
        call.reply.integer(max(exactCount, entries - 2 * deletes))
    }

    static func flushdb(_ call: Call) throws(Interrupt) {
        try checkFlush(call)
        try flush(call, call.client.database)
        call.reply.ok()
    }

    static func flushall(_ call: Call) throws(Interrupt) {
        try checkFlush(call)
        for number in 0..<Database.count { try flush(call, number) }
        call.reply.ok()
    }

    private static func checkFlush(_ call: Call) throws(Interrupt) {
        if call.count > 2 || call.count == 2 && !call[1].isWord("SYNC") && !call[1].isWord("ASYNC") { throw .syntax }
    }

    private static func flush(_ call: Call, _ number: Int) throws(Interrupt) {
        guard let database = call.executor.database(number) else { return }
        try call.executor.clear(database)
    }

    // MARK: OBJECT

    static func objectEncoding(_ call: Call) throws(Interrupt) {
        guard let value = try call.read(call[2]) else { return call.reply.null() }
        switch value.kind {
        case .string:
            let isNumber = value.payload.count <= 20 && Decimal.parse(value.payload) != nil
            call.reply.bulk(isNumber ? "int" : value.payload.count <= 44 ? "embstr" : "raw")
        case .smallHash:
            let pairs = SmallHash(value.payload).pairs
            let isShort = pairs.allSatisfy { $0.field.count <= 64 && $0.value.count <= 64 }
            call.reply.bulk(isShort ? "listpack" : "hashtable")
        case .largeHash: call.reply.bulk("hashtable")
        }
    }

    static func objectRefcount(_ call: Call) throws(Interrupt) {
        guard let value = try call.read(call[2]) else { return call.reply.null() }
        let number = value.kind == .string ? Decimal.parse(value.payload) : nil
        // Redis shares the small numbers.
        call.reply.integer(number.map { (0..<10_000).contains($0) } ?? false ? Int(Int32.max) : 1)
    }

    static func objectHelp(_ call: Call) throws(Interrupt) {
        Help.reply(
            call, "OBJECT",
            [
                "ENCODING <key>",
                "    Return the kind of internal representation used in order to store the value",
                "    associated with a <key>.",
                "REFCOUNT <key>",
                "    Return the number of references of the value associated with the specified",
                "    <key>.",
            ])
    }
}
