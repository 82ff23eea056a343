/// Commands on hashes.
enum Hashes {
    // MARK: Writing

    static func hset(_ call: Call) throws(Interrupt) { call.reply.integer(try setAll(call)) }

    static func hmset(_ call: Call) throws(Interrupt) {
        _ = try setAll(call)
        call.reply.ok()
    }

    private static func setAll(_ call: Call) throws(Interrupt) -> Int {
        if call.count % 2 == 1 { throw call.wrongArity }
        var hash = try HashView(call, call[1])
        var updates: ContiguousArray<HashView.Pair> = []
        updates.reserveCapacity(call.count / 2)
        for index in stride(from: 2, to: call.count, by: 2) {
            updates.append(HashView.Pair(field: call[index], value: call[index + 1]))
        }
        return try hash.set(updates)
    }

    static func hsetnx(_ call: Call) throws(Interrupt) {
        var hash = try HashView(call, call[1])
        if try hash.value(call[2], into: call.second) != nil { return call.reply.integer(0) }
        _ = try hash.set([HashView.Pair(field: call[2], value: call[3])])
        call.reply.integer(1)
    }

    static func hdel(_ call: Call) throws(Interrupt) {
        var hash = try HashView(call, call[1])
        call.reply.integer(try hash.remove((2..<call.count).map { call[$0] }))
    }

    static func hincrby(_ call: Call) throws(Interrupt) {
        let amount = try call.integer(3)
        var hash = try HashView(call, call[1])
        var value = 0
        if let old = try hash.value(call[2], into: call.second) {
            guard let number = Decimal.parse(old) else { throw .failed("ERR hash value is not an integer") }
            value = number
        }
        let (sum, overflow) = value.addingReportingOverflow(amount)
        if overflow { throw .failed("ERR increment or decrement would overflow") }
        try set(&hash, call[2], "\(sum)")
        call.reply.integer(sum)
    }

    static func hincrbyfloat(_ call: Call) throws(Interrupt) {
        guard let amount = Decimal.parseLong(call[3]) else { throw .notFloat }
        if amount.isInfinite { throw .failed("ERR value is NaN or Infinity") }
        var hash = try HashView(call, call[1])
        var value: Decimal.Long = 0
        if let old = try hash.value(call[2], into: call.second) {
            guard let number = Decimal.parseLong(old) else { throw .failed("ERR hash value is not a float") }
            value = number
        }
        value += amount
        if value.isNaN || value.isInfinite { throw .failed("ERR increment would produce NaN or Infinity") }
        let text = Decimal.text(value)
        try set(&hash, call[2], text)
        call.reply.bulk(text)
    }

    private static func set(_ hash: inout HashView, _ field: ByteSlice, _ text: String) throws(Interrupt) {
        try Array(text.utf8).withSlice { (value) throws(Interrupt) in
            _ = try hash.set([HashView.Pair(field: field, value: value)])
        }
    }

    // MARK: Reading

    static func hget(_ call: Call) throws(Interrupt) {
        var hash = try HashView(call, call[1], loadingPairs: false)
        if case .small = hash.content {
            if let pair = hash.small.find(call[2]) { call.reply.bulk(pair.value) } else { call.reply.null() }
        } else if let value = try hash.value(call[2], into: call.second) {
            call.reply.bulk(value)
        } else {
            call.reply.null()
        }
    }

    static func hmget(_ call: Call) throws(Interrupt) {
        var hash = try HashView(call, call[1])
        call.reply.array(call.count - 2)
        if case .large(let head) = hash.content { return try manyRows(call, head) }
        for index in 2..<call.count {
            if let value = try hash.value(call[index], into: call.second) {
                call.reply.bulk(value)
            } else {
                call.reply.null()
            }
        }
    }

    private static func manyRows(_ call: Call, _ head: LargeHash) throws(Interrupt) {
        guard let database = call.database else { return }
        var isMissing = false
        for index in 2..<call.count {
            if call.reply.isOver { throw call.executor.tooLargeReply }
            let found = try HashView.rowKey(head, call[index], in: call.build) { (key) throws(Interrupt) in
                try call.executor.lookUp(database.fields, key, into: call.second)
            }
            switch found {
            case .found: call.reply.bulk(call.second.slice)
            case .absent: call.reply.null()
            case .missing: isMissing = true
            }
        }
        if isMissing, !call.reply.isOver { throw .waits }
    }

    static func hexists(_ call: Call) throws(Interrupt) {
        var hash = try HashView(call, call[1])
        call.reply.integer(try hash.value(call[2], into: call.second) == nil ? 0 : 1)
    }

    static func hstrlen(_ call: Call) throws(Interrupt) {
        var hash = try HashView(call, call[1])
        call.reply.integer(try hash.value(call[2], into: call.second)?.count ?? 0)
    }

    static func hlen(_ call: Call) throws(Interrupt) {
        call.reply.integer(try HashView(call, call[1], loadingPairs: false).count)
    }

    static func hgetall(_ call: Call) throws(Interrupt) {
        let hash = try HashView(call, call[1])
        if case .small = hash.content {
            call.reply.map(hash.pairs.count)
            for pair in hash.pairs {
                call.reply.bulk(pair.field)
                call.reply.bulk(pair.value)
            }
            return
        }
        let all = try hash.all()
        call.reply.map(all.count)
        for pair in all {
            call.reply.bulk(pair.field)
            call.reply.bulk(pair.value)
        }
    }

    static func hkeys(_ call: Call) throws(Interrupt) {
        let all = try HashView(call, call[1]).all(wantsValues: false)
        call.reply.array(all.count)
        for pair in all { call.reply.bulk(pair.field) }
    }

    static func hvals(_ call: Call) throws(Interrupt) {
        let all = try HashView(call, call[1]).all()
        call.reply.array(all.count)
        for pair in all { call.reply.bulk(pair.value) }
    }

    // MARK: By chance and by cursor

    /// The most fields that HRANDFIELD chooses with repetition: their number is bounded by nothing else.
    private static let maximumRepeats = 1 << 20

    static func hrandfield(_ call: Call) throws(Interrupt) {
        guard call.count > 2 else {
            guard let pair = try HashView(call, call[1]).all(wantsValues: false).randomElement() else {
                return call.reply.null()
            }
            return call.reply.bulk(pair.field)
        }
        let count = try call.integer(2)
        if count == .min {
            throw .failed("ERR value is out of range, value must between \(-Int.max) and \(Int.max)")
        }
        if call.count > 4 || call.count == 4 && !call[3].isWord("WITHVALUES") { throw .syntax }
        let withValues = call.count == 4
        if withValues, count < -(Int.max / 2) || count > Int.max / 2 { throw .failed("ERR value is out of range") }
        let all = try HashView(call, call[1]).all(wantsValues: withValues)
        if count < -maximumRepeats, !all.isEmpty { throw .failed("ERR value is out of range") }
        var chosen: [(field: [UInt8], value: [UInt8])]
        if count >= 0 {
            chosen = count >= all.count ? all : Array(all.shuffled().prefix(count))
        } else {
            chosen = all.isEmpty ? [] : (0..<(-count)).compactMap { _ in all.randomElement() }
        }
        if withValues, !call.reply.isVersion3 {
            call.reply.array(chosen.count * 2)
        } else {
            call.reply.array(chosen.count)
        }
        for pair in chosen {
            if withValues, call.reply.isVersion3 { call.reply.array(2) }
            call.reply.bulk(pair.field)
            if withValues { call.reply.bulk(pair.value) }
        }
    }

    static func hscan(_ call: Call) throws(Interrupt) {
        let cursor = try ScanOptions.cursor(call[2])
        let hash = try HashView(call, call[1])
        if !hash.exists {
            call.reply.array(2)
            call.reply.bulk("0")
            return call.reply.array(0)
        }
        let options = try ScanOptions(call, from: 3, takesType: false)
        guard case .large(let head) = hash.content, let database = call.database else {
            let all = try hash.all().filter { options.matches($0.field) }
            return reply(call, 0, all)
        }
        let scope = CursorTable.Scope(database: database.number, incarnation: head.incarnation)
        var lower = head.lower
        if cursor != 0 {
            lower = try call.executor.cursors.find(cursor, in: scope) + [0]
        }
        let request = ScanRequest(
            keyspace: database.fields, lower: lower, upper: head.upper, limit: options.count)
        let result = try call.executor.scan(request)
        var next: UInt64 = 0
        if !result.isComplete, let last = result.last { next = call.executor.cursors.make(scope, last) }
        let rows = result.rows.map { (field: Array($0.key.dropFirst(8)), value: $0.value) }
        reply(call, next, rows.filter { options.matches($0.field) })
    }

    private static func reply(_ call: Call, _ cursor: UInt64, _ pairs: [(field: [UInt8], value: [UInt8])]) {
        call.reply.array(2)
        call.reply.bulk("\(cursor)")
        call.reply.array(pairs.count * 2)
        for pair in pairs {
            call.reply.bulk(pair.field)
            call.reply.bulk(pair.value)
        }
    }
}
