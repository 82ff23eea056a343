internal import GodwitEngine

extension Message {
    /// Reads a frame's payload; throws unless it is exactly one message.
    init(_ frame: Frame) throws(WireError) {
        var reader = WireReader(frame)
        switch frame.type {
        case .hello: self = .hello(try Hello(&reader))
        case .welcome: self = .welcome(try Welcome(&reader))
        case .records: self = .records(reader.rest())
        case .ack: self = .ack(try Acknowledgement(&reader))
        case .ping: self = .ping(try reader.integer("time"))
        case .heartbeat: self = .heartbeat(try Heartbeat(&reader))
        case .copyOffer: self = .copyOffer(reader.rest().array)
        case .copyRequest:
            self = .copyRequest(
                CopyRequest(
                    file: try reader.integer("file"), offset: try reader.integer("offset"),
                    length: try reader.integer("length")))
        case .copyData:
            self = .copyData(
                file: try reader.integer("file"), offset: try reader.integer("offset"), reader.rest())
        case .copyDone: self = .copyDone
        case .takeOver: self = .takeOver(try reader.point("point"))
        case .tookOver: self = .tookOver(try reader.epoch("epoch"))
        case .cancel: self = .cancel(reason: try reader.text("reason"))
        case .tailOffer:
            self = .tailOffer(
                TailHeader(
                    node: try reader.node("node"), fork: try reader.point("fork"), end: try reader.point("end"),
                    keptAfter: try reader.integer("kept after")))
        case .tailRequest: self = .tailRequest
        case .tailData: self = .tailData(isLast: try reader.flag("last"), reader.rest())
        case .tailReport: self = .tailReport(try TailVerdicts(&reader))
        case .digestRequest: self = .digestRequest(try DigestRequest(&reader))
        case .digestReply: self = .digestReply(try DigestReply(&reader))
        case .rangeRequest: self = .rangeRequest(id: try reader.integer("id"), try DigestRange(&reader))
        case .rangeReply:
            let id: UInt64 = try reader.integer("id")
            self = .rangeReply(id: id, try reader.flag("piece") ? try RangePiece(&reader) : nil)
        case .goodbye: self = .goodbye(reason: try reader.text("reason"))
        case .ask:
            self = .ask(
                Asker(
                    node: try reader.node("node"), store: try reader.store("store"), address: try reader.text("address")
                ))
        case .standing:
            self = .standing(
                Standing(
                    node: try reader.node("node"), store: try reader.store("store"), end: try reader.point("end"),
                    leader: try reader.text("leader"), isPrimary: try reader.flag("primary")))
        }
        try reader.finish()
    }
}

extension Hello {
    init(_ reader: inout WireReader) throws(WireError) {
        node = try reader.node("node")
        let store = try reader.store("store")
        region = try reader.text("region")
        address = try reader.text("address")
        let flags = try reader.flags("flags", known: Self.copyFlag | Self.dataFlag | Self.selectionFlag)
        self.store = flags & Self.dataFlag != 0 ? store : nil
        needsCopy = flags & Self.copyFlag != 0
        end = try reader.point("end")
        durable = try reader.integer("durable end")
        time = try reader.integer("time")
        epochs = []
        for _ in 0..<(try reader.count("epochs", atMost: ReplicationFormat.maximumEpochs, of: 48)) {
            epochs.append(EpochStart(start: try reader.point("epoch"), parent: try reader.point("epoch's parent")))
        }
        for _ in 0..<(try reader.count("keyspaces", atMost: ReplicationFormat.maximumKeyspaces, of: 4)) {
            lacks.append(try reader.integer("keyspace"))
        }
        guard flags & Self.selectionFlag != 0 else { return }
        var keyspaces: [String] = []
        for _ in 0..<(try reader.count("keyspaces", atMost: ReplicationFormat.maximumKeyspaces, of: 1)) {
            keyspaces.append(try reader.name("keyspace"))
        }
        self.keyspaces = keyspaces
    }
}

extension Welcome {
    init(_ reader: inout WireReader) throws(WireError) {
        node = try reader.node("node")
        store = try reader.store("store")
        region = try reader.text("region")
        address = try reader.text("address")
        guard let answer = Answer(rawValue: try reader.integer("answer")) else { throw reader.failure("answer") }
        self.answer = answer
        point = try reader.point("point")
        echo = try reader.integer("echo")
        let code: UInt8 = try reader.integer("refusal")
        refusal = Refusal(rawValue: code)
        guard (refusal != nil) == (answer == .refuse), refusal != nil || code == 0 else {
            throw reader.failure("refusal")
        }
        reason = try reader.text("reason")
    }
}

extension Acknowledgement {
    init(_ reader: inout WireReader) throws(WireError) {
        self.init(
            received: try reader.point("received"), durable: try reader.integer("durable"),
            applied: try reader.integer("applied"), time: try reader.integer("time"), members: try reader.members())
    }
}

extension Heartbeat {
    init(_ reader: inout WireReader) throws(WireError) {
        echo = try reader.integer("echo")
        let age: UInt64 = try reader.integer("age")
        self.age = age == .max ? nil : age
        end = try reader.point("end")
        durable = try reader.integer("durable")
        keepFrom = try reader.integer("keep from")
        members = try reader.members()
    }
}

extension TailVerdicts {
    init(_ reader: inout WireReader) throws(WireError) {
        isLast = try reader.flag("last")
        guard let policy = RecoveryPolicy(code: try reader.integer("policy")) else { throw reader.failure("policy") }
        self.policy = policy
        rows = []
        for _ in 0..<(try reader.count("rows", atMost: ReplicationFormat.maximumPayload, of: 18)) {
            let epoch = try reader.epoch("row")
            let position = Position(epoch: epoch, sequence: try reader.integer("row"))
            guard let outcome = TailClass(code: try reader.integer("class")) else { throw reader.failure("class") }
            rows.append(Row(position: position, outcome: outcome, replayed: try reader.flag("replayed")))
        }
    }
}

extension DigestRange {
    init(_ reader: inout WireReader) throws(WireError) {
        keyspace = try reader.integer("keyspace")
        lower = try reader.bytes("lower", atMost: 16 << 10).array
        upper = try reader.flag("bound") ? try reader.bytes("upper", atMost: 16 << 10).array : nil
    }
}

extension DigestRequest {
    init(_ reader: inout WireReader) throws(WireError) {
        id = try reader.integer("id")
        let kind: UInt8 = try reader.integer("task")
        switch kind {
        case 1:
            let point = try reader.point("point")
            let cut: UInt64 = try reader.integer("cut")
            var keyspaces: [UInt32] = []
            for _ in 0..<(try reader.count("keyspaces", atMost: ReplicationFormat.maximumKeyspaces, of: 4)) {
                keyspaces.append(try reader.integer("keyspace"))
            }
            task = .begin(point, cut: cut, keyspaces: keyspaces)
        case 2:
            task = .compare(
                try DigestRange(&reader), count: try reader.integer("count"), hash: try reader.integer("hash"))
        case 3: task = .list(try DigestRange(&reader))
        case 4: task = .end
        default: throw reader.failure("task")
        }
    }
}

extension RangePiece {
    init(_ reader: inout WireReader) throws(WireError) {
        point = try reader.point("point")
        next = try reader.flag("more") ? try reader.bytes("next", atMost: 16 << 10).array : nil
        entries = []
        for _ in 0..<(try reader.count("entries", atMost: ReplicationFormat.maximumPayload, of: 10)) {
            entries.append(
                Entry(
                    key: try reader.bytes("key", atMost: 16 << 10).array,
                    value: try reader.bytes("value", atMost: 16 << 20).array,
                    deadline: try reader.integer("deadline")))
        }
    }
}

extension DigestReply {
    init(_ reader: inout WireReader) throws(WireError) {
        id = try reader.integer("id")
        let kind: UInt8 = try reader.integer("result")
        switch kind {
        case 1:
            var lacking: [UInt32] = []
            for _ in 0..<(try reader.count("keyspaces", atMost: ReplicationFormat.maximumKeyspaces, of: 4)) {
                lacking.append(try reader.integer("keyspace"))
            }
            result = .ready(lacking: lacking)
        case 2: result = .compared(try reader.flag("equal"))
        case 3:
            let more = try reader.flag("more")
            var entries: [(key: [UInt8], hash: UInt64)] = []
            for _ in 0..<(try reader.count("entries", atMost: ReplicationFormat.maximumPayload, of: 9)) {
                entries.append(
                    (key: try reader.bytes("key", atMost: 16 << 10).array, hash: try reader.integer("hash")))
            }
            result = .listed(entries, more: more)
        case 4: result = .failed(try reader.text("reason"))
        default: throw reader.failure("result")
        }
    }
}
