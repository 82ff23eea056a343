internal import GodwitEngine

/// Commands on strings.
enum Strings {
    // MARK: One value

    static func get(_ call: Call) throws(Interrupt) {
        if let value = try call.string(call[1]) { call.reply.bulk(value.payload) } else { call.reply.null() }
    }

    static func set(_ call: Call) throws(Interrupt) {
        let options = try StringOptions(call, from: 3, .set)
        try call.check(length: call[2].count)
        guard call.count > 3 else {
            let replaced = try call.replaced(call[1])
            try call.put(call[1], string: call[2], over: replaced)
            return call.reply.ok()
        }
        var deadline = try options.deadline(call) ?? 0
        let needsOld = options.isNX || options.isXX || options.isGet || options.keepsTTL
        guard needsOld else {
            let replaced = try call.replaced(call[1])
            try call.put(call[1], string: call[2], deadline: deadline, over: replaced)
            return call.reply.ok()
        }
        let old = options.isGet ? try call.string(call[1]) : try call.read(call[1])
        if options.isGet { reply(old, call) }
        if options.isNX && old != nil || options.isXX && old == nil {
            if !options.isGet { call.reply.null() }
            return
        }
        if options.keepsTTL { deadline = old?.deadline ?? 0 }
        try call.put(call[1], string: call[2], deadline: deadline, over: old.flatMap(large))
        if !options.isGet { call.reply.ok() }
    }

    /// The large hash that a value is the head of.
    static func large(_ value: Value) -> (head: LargeHash, deadline: UInt64)? {
        value.kind == .largeHash ? (LargeHash(value.payload), value.deadline) : nil
    }

    private static func reply(_ value: Value?, _ call: Call) {
        if let value { call.reply.bulk(value.payload) } else { call.reply.null() }
    }

    static func setnx(_ call: Call) throws(Interrupt) {
        try call.check(length: call[2].count)
        if try call.read(call[1]) != nil { return call.reply.integer(0) }
        try call.put(call[1], string: call[2], over: nil)
        call.reply.integer(1)
    }

    static func setex(_ call: Call) throws(Interrupt) { try setExpiring(call, .seconds) }

    static func psetex(_ call: Call) throws(Interrupt) { try setExpiring(call, .milliseconds) }

    private static func setExpiring(_ call: Call, _ unit: Expiry.Unit) throws(Interrupt) {
        let deadline = try Expiry.deadline(call, 2, unit, isAbsolute: false)
        try call.check(length: call[3].count)
        let replaced = try call.replaced(call[1])
        try call.put(call[1], string: call[3], deadline: deadline, over: replaced)
        call.reply.ok()
    }

    static func getex(_ call: Call) throws(Interrupt) {
        let options = try StringOptions(call, from: 2, .getex)
        guard let value = try call.string(call[1]) else { return call.reply.null() }
        let deadline = try options.deadline(call)
        if let deadline, options.expiry?.isAbsolute ?? false, deadline <= call.now {
            try call.delete(call[1], value)
        } else if let deadline {
            try call.put(call[1], string: value.payload, deadline: deadline, over: nil)
        } else if options.persists, value.deadline != 0 {
            try call.put(call[1], string: value.payload, over: nil)
        }
        call.reply.bulk(value.payload)
    }

    static func getdel(_ call: Call) throws(Interrupt) {
        guard let value = try call.string(call[1]) else { return call.reply.null() }
        try call.delete(call[1], value)
        call.reply.bulk(value.payload)
    }

    static func getset(_ call: Call) throws(Interrupt) {
        try call.check(length: call[2].count)
        let old = try call.string(call[1])
        try call.put(call[1], string: call[2], over: nil)
        reply(old, call)
    }

    // MARK: Many values

    static func mget(_ call: Call) throws(Interrupt) {
        guard let database = call.database else {
            call.reply.array(call.count - 1)
            for _ in 1..<call.count { call.reply.null() }
            return
        }
        call.reply.array(call.count - 1)
        if call.count > 2, !call.executor.isDirty, try mgetTogether(call, database) { return }
        try call.executor.holdMoment()
        var isMissing = false
        for index in 1..<call.count {
            if call.reply.isOver { throw call.executor.tooLargeReply }
            switch try call.executor.lookUp(database.keys, call[index], into: call.first) {
            case .found:
                if let value = Value(call.first.slice), value.kind == .string {
                    call.reply.bulk(value.payload)
                } else {
                    call.reply.null()
                }
            case .absent: call.reply.null()
            case .missing: isMissing = true
            }
        }
        if isMissing, !call.reply.isOver { throw .waits }
    }

    /// Answers from memory, the lookups overlapping; returns false, with nothing said, where memory cannot tell of all.
    private static func mgetTogether(_ call: Call, _ database: Database) throws(Interrupt) -> Bool {
        guard let engine = call.executor.engine else { throw .loading }
        let values = call.build
        values.clear()
        var places = [(start: Int, length: Int)](repeating: (0, -1), count: call.count - 1)
        var isComplete = true
        var isOver = false
        let keys = (1..<call.count).map { call[$0] }
        do throws(EngineError) {
            try engine.multiGetIfResident(keys, in: database.keys, at: call.executor.moment) { index, stored in
                let start = values.count
                guard !isOver, call.reply.hasRoom(for: start + stored.byteCount) else {
                    isOver = true
                    return
                }
                values.append(stored)
                places[index] = (start, values.count - start)
            } needsIO: { _ in
                isComplete = false
            }
        } catch {
            throw .failed(Failures.text(error))
        }
        if isOver { throw call.executor.tooLargeReply }
        guard isComplete else { return false }
        let slice = values.slice
        for (start, length) in places {
            if length > 0, let value = Value(slice.slice(start, length)), value.kind == .string {
                call.reply.bulk(value.payload)
            } else {
                call.reply.null()
            }
        }
        return true
    }

    static func mset(_ call: Call) throws(Interrupt) {
        try checkPairs(call)
        var replaced: [(head: LargeHash, deadline: UInt64)?] = []
        var seen = Set<[UInt8]>()
        var isMissing = false
        for index in stride(from: 1, to: call.count, by: 2) {
            do throws(Interrupt) {
                let large = try call.replaced(call[index])
                // Of a key that is named twice the fields are removed once.
                replaced.append(large != nil && seen.insert(call[index].array).inserted ? large : nil)
            } catch {
                guard case .waits = error else { throw error }
                isMissing = true
            }
        }
        if isMissing { throw .waits }
        for index in stride(from: 1, to: call.count, by: 2) {
            try call.put(call[index], string: call[index + 1], over: replaced[index / 2])
        }
        call.reply.ok()
    }

    static func msetnx(_ call: Call) throws(Interrupt) {
        try checkPairs(call)
        var isThere = false
        try call.readAll(stride(from: 1, to: call.count, by: 2)) { (_, value) throws(Interrupt) in
            if value != nil { isThere = true }
        }
        if isThere { return call.reply.integer(0) }
        for index in stride(from: 1, to: call.count, by: 2) {
            try call.put(call[index], string: call[index + 1], over: nil)
        }
        call.reply.integer(1)
    }

    private static func checkPairs(_ call: Call) throws(Interrupt) {
        if call.count % 2 == 0 { throw call.wrongArity }
        for index in stride(from: 1, to: call.count, by: 2) {
            try call.check(key: call[index])
            try call.check(length: call[index + 1].count)
        }
    }

    // MARK: Parts

    static func append(_ call: Call) throws(Interrupt) {
        let old = try call.string(call[1])
        let length = (old?.payload.count ?? 0) + call[2].count
        try call.check(length: length)
        try call.check(key: call[1])
        try call.put(call[1], .string, deadline: old?.deadline ?? 0) { box in
            if let old { box.append(old.payload) }
            box.append(call[2])
        }
        call.reply.integer(length)
    }

    static func strlen(_ call: Call) throws(Interrupt) {
        call.reply.integer(try call.string(call[1])?.payload.count ?? 0)
    }

    static func setrange(_ call: Call) throws(Interrupt) {
        let offset = try call.integer(2)
        if offset < 0 { throw .failed("ERR offset is out of range") }
        let old = try call.string(call[1])
        let length = old?.payload.count ?? 0
        let value = call[3]
        if value.isEmpty { return call.reply.integer(length) }
        if offset > Value.maximumString { throw .tooLong }
        try call.check(length: offset + value.count)
        try call.check(key: call[1])
        try call.put(call[1], .string, deadline: old?.deadline ?? 0) { box in
            let payload = old?.payload ?? .empty
            box.append(payload.slice(0, min(offset, length)))
            if offset > length { box.appendZeros(offset - length) }
            box.append(value)
            if offset + value.count < length { box.append(payload.dropFirst(offset + value.count)) }
        }
        call.reply.integer(max(length, offset + value.count))
    }

    static func getrange(_ call: Call) throws(Interrupt) {
        var (start, end) = (try call.integer(2), try call.integer(3))
        guard let value = try call.string(call[1]) else { return call.reply.bulk(.empty) }
        let length = value.payload.count
        if start < 0 && end < 0 && start > end { return call.reply.bulk(.empty) }
        if start < 0 { start = max(0, length + start) }
        if end < 0 { end = max(0, length + end) }
        end = min(end, length - 1)
        if start > end || length == 0 { return call.reply.bulk(.empty) }
        call.reply.bulk(value.payload.slice(start, end - start + 1))
    }

    static func substr(_ call: Call) throws(Interrupt) { try getrange(call) }

    // MARK: Numbers

    static func incr(_ call: Call) throws(Interrupt) { try increment(call, by: 1) }

    static func decr(_ call: Call) throws(Interrupt) { try increment(call, by: -1) }

    static func incrby(_ call: Call) throws(Interrupt) { try increment(call, by: call.integer(2)) }

    static func decrby(_ call: Call) throws(Interrupt) {
        let amount = try call.integer(2)
        if amount == .min { throw .failed("ERR decrement would overflow") }
        try increment(call, by: -amount)
    }

    private static func increment(_ call: Call, by amount: Int) throws(Interrupt) {
        let old = try call.string(call[1])
        var value = 0
        if let old {
            guard let number = Decimal.parse(old.payload) else { throw .notInteger }
            value = number
        }
        let (sum, overflow) = value.addingReportingOverflow(amount)
        if overflow { throw .failed("ERR increment or decrement would overflow") }
        try call.check(key: call[1])
        try call.put(call[1], .string, deadline: old?.deadline ?? 0) { $0.appendDecimal(sum) }
        call.reply.integer(sum)
    }

    static func incrbyfloat(_ call: Call) throws(Interrupt) {
        let old = try call.string(call[1])
        var value: Decimal.Long = 0
        if let old {
            guard let number = Decimal.parseLong(old.payload) else { throw .notFloat }
            value = number
        }
        guard let amount = Decimal.parseLong(call[2]) else { throw .notFloat }
        value += amount
        if value.isNaN || value.isInfinite { throw .failed("ERR increment would produce NaN or Infinity") }
        let text = Decimal.text(value)
        try call.check(key: call[1])
        try call.put(call[1], .string, deadline: old?.deadline ?? 0) { $0.append(text) }
        call.reply.bulk(text)
    }
}
