/// A hash as a command works with it: the pairs of a small one in memory, or the head of a large one.
struct HashView {
    /// A field and its value; slices of the stored row or of arguments.
    struct Pair {
        var field: ByteSlice
        var value: ByteSlice
    }

    /// What the key holds.
    enum Content {
        case absent
        case small
        case large(LargeHash)
    }

    let call: Call
    let key: ByteSlice
    let content: Content
    let deadline: UInt64
    /// The pairs of a small hash, in order.
    var pairs: ContiguousArray<Pair> = []
    /// Where the next field is likely to be: fields are asked for in the order they have.
    private var hint = 0

    /// Reads the hash of a key; throws for another kind.
    init(_ call: Call, _ key: ByteSlice, loadingPairs: Bool = true) throws(Interrupt) {
        self.call = call
        self.key = key
        var found = try call.read(key)
        // Rows are to be those of their head, whoever writes meanwhile.
        if found?.kind == .largeHash, try call.executor.holdMoment() { found = try call.read(key) }
        guard let value = found else {
            content = .absent
            deadline = 0
            return
        }
        deadline = value.deadline
        switch value.kind {
        case .string: throw .wrongType
        case .largeHash: content = .large(LargeHash(value.payload))
        case .smallHash:
            content = .small
            small = SmallHash(value.payload)
            if loadingPairs {
                pairs.reserveCapacity(32)
                small.forEach {
                    pairs.append(Pair(field: $0.field, value: $0.value))
                    return true
                }
            }
        }
    }

    /// The stored row of a small hash.
    private(set) var small = SmallHash(.empty)

    var exists: Bool { if case .absent = content { false } else { true } }

    /// How many fields there are.
    var count: Int {
        switch content {
        case .absent: 0
        case .small: pairs.isEmpty ? small.count : pairs.count
        case .large(let head): head.count
        }
    }

    /// Where a field of a small hash is.
    @inline(__always)
    private mutating func index(_ field: ByteSlice) -> Int? {
        if hint < pairs.count, pairs[hint].field.equals(field) {
            hint &+= 1
            return hint - 1
        }
        guard let found = pairs.firstIndex(where: { $0.field.equals(field) }) else { return nil }
        hint = found + 1
        return found
    }

    /// A field's value. One of a large hash is read into `box`.
    mutating func value(_ field: ByteSlice, into box: ByteBox) throws(Interrupt) -> ByteSlice? {
        switch content {
        case .absent: return nil
        case .small: return index(field).map { pairs[$0].value }
        case .large(let head):
            guard let database = call.database else { return nil }
            let found = try Self.rowKey(head, field, in: call.build) { (key) throws(Interrupt) in
                try call.executor.lookUp(database.fields, key, into: box)
            }
            switch found {
            case .found: return box.slice
            case .absent: return nil
            case .missing: throw .waits
            }
        }
    }

    /// The key of a field's row.
    static func rowKey<R>(
        _ head: LargeHash, _ field: ByteSlice, in box: ByteBox, _ body: (ByteSlice) throws(Interrupt) -> R
    ) throws(Interrupt) -> R {
        box.clear()
        box.appendBigEndian(head.incarnation)
        box.append(field)
        return try body(box.slice)
    }

    /// All fields and values; `[UInt8]` since those of a large hash are fetched. Where values are not wanted they are cut
    /// short, so that of a large hash no more is fetched than its fields.
    func all(wantsValues: Bool = true) throws(Interrupt) -> [(field: [UInt8], value: [UInt8])] {
        switch content {
        case .absent: return []
        case .small: return pairs.map { ($0.field.array, $0.value.array) }
        case .large(let head):
            guard let database = call.database else { return [] }
            let request = ScanRequest(
                keyspace: database.fields, lower: head.lower, upper: head.upper, wantsValues: wantsValues)
            return try call.executor.scan(request).rows.map { (Array($0.key.dropFirst(8)), $0.value) }
        }
    }

    // MARK: Writing

    /// Sets fields; returns how many are new. Values must outlive the call.
    mutating func set(_ updates: ContiguousArray<Pair>) throws(Interrupt) -> Int {
        try call.check(key: key)
        for update in updates {
            if update.field.count > Value.maximumField { throw .keyTooLong }
            try call.check(length: update.value.count)
        }
        if case .large(let head) = content { return try set(updates, in: head) }
        let before = pairs.count
        if before + updates.count > 512 {
            merge(updates)
        } else {
            for update in updates { put(update) }
        }
        try store()
        return pairs.count - before
    }

    private mutating func put(_ update: Pair) {
        if let found = index(update.field) { pairs[found].value = update.value } else { pairs.append(update) }
    }

    /// As `put` for each, for so many that looking through all pairs each time would take long.
    private mutating func merge(_ updates: ContiguousArray<Pair>) {
        var places: [SliceKey: Int] = [:]
        for (place, pair) in pairs.enumerated() { places[SliceKey(slice: pair.field)] = place }
        for update in updates {
            let key = SliceKey(slice: update.field)
            if let place = places[key] {
                pairs[place].value = update.value
            } else {
                places[key] = pairs.count
                pairs.append(update)
            }
        }
    }

    private func set(_ updates: ContiguousArray<Pair>, in head: LargeHash) throws(Interrupt) -> Int {
        let database = try call.writable()
        var fresh = Set<[UInt8]>()
        var isMissing = false
        for update in updates {
            let found = try Self.rowKey(head, update.field, in: call.build) { (key) throws(Interrupt) in
                try call.executor.lookUp(database.fields, key, into: call.second)
            }
            switch found {
            case .found: continue
            case .absent: fresh.insert(update.field.array)
            case .missing: isMissing = true
            }
        }
        if isMissing { throw .waits }
        for update in updates {
            try Self.rowKey(head, update.field, in: call.build) { (key) throws(Interrupt) in
                try call.executor.put(database.fields, key) { $0.append(update.value) }
            }
        }
        var head = head
        head.count += fresh.count
        try putHead(head)
        return fresh.count
    }

    /// Removes fields; returns how many were there.
    mutating func remove(_ fields: [ByteSlice]) throws(Interrupt) -> Int {
        switch content {
        case .absent: return 0
        case .large(let head): return try remove(fields, from: head)
        case .small:
            let before = pairs.count
            for field in fields { if let found = index(field) { pairs.remove(at: found) } }
            if pairs.count < before { try store() }
            return before - pairs.count
        }
    }

    private func remove(_ fields: [ByteSlice], from head: LargeHash) throws(Interrupt) -> Int {
        let database = try call.writable()
        var gone = Set<[UInt8]>()
        var isMissing = false
        for field in fields {
            let found = try Self.rowKey(head, field, in: call.build) { (key) throws(Interrupt) in
                try call.executor.lookUp(database.fields, key, into: call.second)
            }
            switch found {
            case .found: gone.insert(field.array)
            case .absent: continue
            case .missing: isMissing = true
            }
        }
        if isMissing { throw .waits }
        if gone.isEmpty { return 0 }
        if gone.count >= head.count {
            try call.removeFields(head, deadline: deadline)
            try call.executor.delete(database.keys, key)
            return gone.count
        }
        for field in gone {
            try field.withSlice { (field) throws(Interrupt) in
                try Self.rowKey(head, field, in: call.build) { (key) throws(Interrupt) in
                    try call.executor.delete(database.fields, key)
                }
            }
        }
        var head = head
        head.count -= gone.count
        try putHead(head)
        return gone.count
    }

    private func putHead(_ head: LargeHash) throws(Interrupt) {
        try call.put(key, .largeHash, deadline: deadline) { head.encode(into: $0) }
    }

    /// Writes a small hash back: not at all when it is empty, as rows when it has grown.
    private func store() throws(Interrupt) {
        if pairs.isEmpty {
            try call.executor.delete(call.writable().keys, key)
            return
        }
        let bounds = call.executor.settings.smallHash
        if pairs.count > bounds.fields || bytes > bounds.bytes { return try grow() }
        try call.put(key, .smallHash, deadline: deadline) { box in
            for pair in pairs { SmallHash.append(pair.field, pair.value, to: box) }
        }
    }

    private var bytes: Int { pairs.reduce(0) { $0 + $1.field.count + $1.value.count + 2 } }

    /// Gives each field a row of its own: from now on for good.
    private func grow() throws(Interrupt) {
        let database = try call.writable()
        let head = LargeHash(incarnation: call.executor.newIncarnation(), count: pairs.count)
        call.executor.largeKeys.insert(call.client.database, key)
        for pair in pairs {
            try Self.rowKey(head, pair.field, in: call.build) { (key) throws(Interrupt) in
                try call.executor.put(database.fields, key) { $0.append(pair.value) }
            }
        }
        try putHead(head)
        try head.indexKey(deadline: deadline).withSlice { (index) throws(Interrupt) in
            try call.executor.put(database.deadlines, index) { $0.append(key) }
        }
    }
}
