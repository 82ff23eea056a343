internal import GodwitEngine

extension Message {
    /// Appends the payload.
    func encode(into writer: ByteWriter) {
        switch self {
        case .hello(let hello): hello.encode(into: writer)
        case .welcome(let welcome): welcome.encode(into: writer)
        case .records(let records): writer.append(records)
        case .ack(let ack): ack.encode(into: writer)
        case .ping(let time): writer.append(time)
        case .heartbeat(let heartbeat): heartbeat.encode(into: writer)
        case .copyOffer(let description): writer.append(description)
        case .copyRequest(let request):
            writer.append(request.file)
            writer.append(request.offset)
            writer.append(request.length)
        case .copyData(let file, let offset, let bytes):
            writer.append(file)
            writer.append(offset)
            writer.append(bytes)
        case .copyDone, .tailRequest: break
        case .takeOver(let point): writer.append(point)
        case .tookOver(let epoch): writer.append(epoch)
        case .cancel(let reason), .goodbye(let reason): writer.append(text: reason)
        case .tailOffer(let header):
            writer.append(header.node)
            writer.append(header.fork)
            writer.append(header.end)
            writer.append(header.keptAfter)
        case .tailData(let isLast, let records):
            writer.append(isLast)
            writer.append(records)
        case .tailReport(let verdicts): verdicts.encode(into: writer)
        case .digestRequest(let request): request.encode(into: writer)
        case .digestReply(let reply): reply.encode(into: writer)
        case .rangeRequest(let id, let range):
            writer.append(id)
            range.encode(into: writer)
        case .rangeReply(let id, let piece):
            writer.append(id)
            writer.append(piece != nil)
            piece?.encode(into: writer)
        case .ask(let asker):
            writer.append(asker.node)
            writer.append(asker.store)
            writer.append(text: asker.address)
        case .standing(let standing):
            writer.append(standing.node)
            writer.append(standing.store)
            writer.append(standing.end)
            writer.append(text: standing.leader)
            writer.append(standing.isPrimary)
        }
    }
}

extension Hello {
    static let copyFlag: UInt8 = 1
    static let dataFlag: UInt8 = 2
    static let selectionFlag: UInt8 = 4

    func encode(into writer: ByteWriter) {
        writer.append(node)
        writer.append(store ?? StoreID(high: 0, low: 0))
        writer.append(text: region)
        writer.append(text: address)
        let flags = (needsCopy ? Self.copyFlag : 0) | (store != nil ? Self.dataFlag : 0)
        writer.append(flags | (keyspaces != nil ? Self.selectionFlag : 0))
        writer.append(end)
        writer.append(durable)
        writer.append(time)
        writer.append(UInt32(epochs.count))
        for epoch in epochs {
            writer.append(epoch.start)
            writer.append(epoch.parent)
        }
        writer.append(UInt32(lacks.count))
        for keyspace in lacks { writer.append(keyspace) }
        guard let keyspaces else { return }
        writer.append(UInt32(keyspaces.count))
        for keyspace in keyspaces { writer.append(text: keyspace) }
    }
}

extension Welcome {
    func encode(into writer: ByteWriter) {
        writer.append(node)
        writer.append(store)
        writer.append(text: region)
        writer.append(text: address)
        writer.append(answer.rawValue)
        writer.append(point)
        writer.append(echo)
        writer.append(refusal?.rawValue ?? 0)
        writer.append(text: reason)
    }
}

extension Acknowledgement {
    func encode(into writer: ByteWriter) {
        writer.append(received)
        writer.append(durable)
        writer.append(applied)
        writer.append(time)
        writer.append(members)
    }
}

extension Heartbeat {
    func encode(into writer: ByteWriter) {
        writer.append(echo)
        writer.append(age ?? .max)
        writer.append(end)
        writer.append(durable)
        writer.append(keepFrom)
        writer.append(members)
    }
}

extension TailVerdicts {
    func encode(into writer: ByteWriter) {
        writer.append(isLast)
        writer.append(policy.code)
        writer.append(UInt32(rows.count))
        for row in rows {
            writer.append(row.position.epoch)
            writer.append(row.position.sequence)
            writer.append(row.outcome.code)
            writer.append(row.replayed)
        }
    }
}

extension DigestRange {
    func encode(into writer: ByteWriter) {
        writer.append(keyspace)
        writer.appendPrefixed(lower)
        writer.append(upper != nil)
        if let upper { writer.appendPrefixed(upper) }
    }
}

extension DigestRequest {
    func encode(into writer: ByteWriter) {
        writer.append(id)
        switch task {
        case .begin(let point, let cut, let keyspaces):
            writer.append(1 as UInt8)
            writer.append(point)
            writer.append(cut)
            writer.append(UInt32(keyspaces.count))
            for keyspace in keyspaces { writer.append(keyspace) }
        case .compare(let range, let count, let hash):
            writer.append(2 as UInt8)
            range.encode(into: writer)
            writer.append(count)
            writer.append(hash)
        case .list(let range):
            writer.append(3 as UInt8)
            range.encode(into: writer)
        case .end: writer.append(4 as UInt8)
        }
    }
}

extension RangePiece {
    func encode(into writer: ByteWriter) {
        writer.append(point)
        writer.append(next != nil)
        if let next { writer.appendPrefixed(next) }
        writer.append(UInt32(entries.count))
        for entry in entries {
            writer.appendPrefixed(entry.key)
            writer.appendPrefixed(entry.value)
            writer.append(entry.deadline)
        }
    }
}

extension DigestReply {
    func encode(into writer: ByteWriter) {
        writer.append(id)
        switch result {
        case .ready(let lacking):
            writer.append(1 as UInt8)
            writer.append(UInt32(lacking.count))
            for keyspace in lacking { writer.append(keyspace) }
        case .compared(let isEqual):
            writer.append(2 as UInt8)
            writer.append(isEqual)
        case .listed(let entries, let more):
            writer.append(3 as UInt8)
            writer.append(more)
            writer.append(UInt32(entries.count))
            for entry in entries {
                writer.appendPrefixed(entry.key)
                writer.append(entry.hash)
            }
        case .failed(let reason):
            writer.append(4 as UInt8)
            writer.append(text: reason)
        }
    }
}

extension TailClass {
    /// As it is sent.
    var code: UInt8 { UInt8(Self.allCases.firstIndex(of: self) ?? 0) + 1 }

    init?(code: UInt8) {
        guard code >= 1, Int(code) <= Self.allCases.count else { return nil }
        self = Self.allCases[Int(code) - 1]
    }
}

extension RecoveryPolicy {
    private static let all: [RecoveryPolicy] = [.report, .clean, .lastWriterWins]

    /// As it is sent.
    var code: UInt8 { UInt8(Self.all.firstIndex(of: self) ?? 0) + 1 }

    init?(code: UInt8) {
        guard code >= 1, Int(code) <= Self.all.count else { return nil }
        self = Self.all[Int(code) - 1]
    }
}
