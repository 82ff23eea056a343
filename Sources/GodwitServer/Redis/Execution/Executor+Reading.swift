internal import GodwitEngine
internal import NIOCore

/// What commands read: the overlay first, then what memory has, then what was fetched for them.
extension Executor {
    /// Milliseconds since 1970, never going back.
    var now: UInt64 { engine?.now ?? UInt64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    /// A database, if it was ever written to.
    @inline(__always)
    func database(_ number: Int) -> Database? { databases[number] ?? findDatabase(number) }

    private func findDatabase(_ number: Int) -> Database? {
        guard let engine, lookedFor[number] != turnNumber else { return nil }
        lookedFor[number] = turnNumber
        databases[number] = Database(number, in: engine)
        return databases[number]
    }

    /// Whether a key may be that of a large hash.
    @inline(__always)
    func mayBeLarge(_ database: Int, _ key: ByteSlice) -> Bool {
        largeKeys.isEmpty(database) ? false : largeKeys.mayContain(database, key)
    }

    /// Reads a stored value into `box`; returns whether there is one.
    @inline(__always)
    func read(_ keyspace: Keyspace, _ key: ByteSlice, into box: ByteBox, now: UInt64 = 0) throws(Interrupt) -> Bool {
        switch try lookUp(keyspace, key, into: box) {
        case .found: return true
        case .absent: return false
        case .missing: throw .waits
        }
    }

    /// What a lookup finds; `missing` is noted as wanted, so that a command may look for more before it waits.
    enum Lookup { case found, absent, missing }

    /// - Parameter isHead: The beginning of the value will do.
    func lookUp(
        _ keyspace: Keyspace, _ key: ByteSlice, into box: ByteBox, isHead: Bool = false
    ) throws(Interrupt) -> Lookup {
        box.clear()
        switch overlay.find(keyspace.id, key) {
        case .absent: return .absent
        case .found(let value, let deadline):
            if deadline != 0, now >= deadline { return .absent }
            box.append(value)
            return .found
        case .unknown: break
        }
        if let answer = foreseen.take(keyspace.id, key, into: box) { return answer }
        guard let engine else { throw .loading }
        do throws(EngineError) {
            switch try engine.getIfResident(key, in: keyspace, at: moment, { box.append($0) }) {
            case .found: return .found
            case .absent: return .absent
            case .needsIO: break
            }
        } catch {
            throw .failed(Failures.text(error))
        }
        return lookUpFetched(keyspace, key, into: box, isHead: isHead)
    }

    @inline(never)
    private func lookUpFetched(_ keyspace: Keyspace, _ key: ByteSlice, into box: ByteBox, isHead: Bool) -> Lookup {
        if let fetched = call.client.fetched?.value(keyspace.id, key, versions, isHead: isHead) {
            guard let value = fetched.value else { return .absent }
            box.append(value)
            return .found
        }
        let key = key.array
        wanted.append(isHead ? .head(keyspace: keyspace, key: key) : .value(keyspace: keyspace, key: key))
        return .missing
    }

    /// Has memory ready for what the next requests of a connection will read, so that the lookups overlap. What memory
    /// cannot tell of is noted, and fetched along with the first of them that waits. Returns how many requests it was for.
    func lookAhead(_ client: Client, _ bytes: ByteSlice) -> Int {
        guard let engine, let database = database(client.database) else { return LookAhead.limit }
        client.ahead.removeAll(keepingCapacity: true)
        let count = foreseen.look(bytes, engine, database.keys) { client.ahead.append($0.array) }
        // Where data may change while commands run, the lookups only bring it near.
        if mayChange { foreseen.clear() }
        return max(1, count)
    }

    /// Whether so much is wanted that it is fetched before more is looked for.
    var hasEnoughWanted: Bool {
        wanted.count >= 4096 || (call.client.fetched?.byteCount ?? 0) > pool.limit
    }

    /// Notes those keys of a command to come that memory cannot tell of.
    func want(_ command: Command, _ arguments: Arguments) {
        guard let database = database(call.client.database) else { return }
        for (place, _) in command.keyPlaces(arguments.count) where !hasEnoughWanted {
            _ = try? lookUp(database.keys, arguments[place], into: call.first)
        }
    }

    /// Notes what a command lacks.
    func needs(_ need: Need) -> Interrupt {
        wanted.append(need)
        return .waits
    }

    /// The entries of a range, with what the turn has written.
    func scan(_ request: ScanRequest) throws(Interrupt) -> ScanResult {
        var request = request
        request.byteLimit = limitsOfOutput.reply
        guard var result = call.client.fetched?.scan(request, versions) else { throw needs(.scan(request)) }
        if result.isTooLarge { throw tooLargeReply }
        guard !request.isReverse, !request.isCount, !overlay.isEmpty else { return result }
        // Of a part, what was written behind it belongs to the next.
        let upper = result.isComplete ? request.upper : result.last.map { $0 + [0] }
        var changes = overlay.changes(request.keyspace.id, from: request.lower, to: upper, now: now)
        let isCleared = overlay.cleared.contains(request.keyspace.id)
        if changes.isEmpty, !isCleared { return result }
        var rows: [ScanResult.Row] = []
        if !isCleared {
            for row in result.rows {
                if let change = changes.removeValue(forKey: row.key) {
                    if let value = change { rows.append(.init(key: row.key, value: value)) }
                } else {
                    rows.append(row)
                }
            }
        }
        for (key, value) in changes {
            guard let value, request.pattern.map({ Glob.matches($0, key) }) ?? true else { continue }
            rows.append(.init(key: key, value: value))
        }
        rows.sort { $0.key.lexicographicallyPrecedes($1.key) }
        result.rows = rows
        return result
    }
}
