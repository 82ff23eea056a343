internal import GodwitEngine

/// Reads the fields of a payload in order. Everything that is not there, or past its limit, is an error that names it;
/// nothing is allocated for what a count announces before the bytes are seen to be there.
struct WireReader {
    private var reader: ByteReader
    private let what: FrameType

    init(_ frame: Frame) {
        reader = ByteReader(frame.payload)
        what = frame.type
    }

    func failure(_ field: String) -> WireError { WireError("a malformed \(what): \(field)") }

    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ field: String) throws(WireError) -> T {
        guard let value = reader.read(T.self) else { throw failure(field) }
        return value
    }

    mutating func flag(_ field: String) throws(WireError) -> Bool {
        let value: UInt8 = try integer(field)
        guard value <= 1 else { throw failure(field) }
        return value == 1
    }

    mutating func flags(_ field: String, known: UInt8) throws(WireError) -> UInt8 {
        let value: UInt8 = try integer(field)
        guard value & ~known == 0 else { throw failure(field) }
        return value
    }

    /// A count of things of at least `size` bytes each.
    mutating func count(_ field: String, atMost limit: Int, of size: Int) throws(WireError) -> Int {
        let count: UInt32 = try integer(field)
        guard count <= limit, Int(count) * size <= reader.remaining else { throw failure(field) }
        return Int(count)
    }

    mutating func bytes(_ field: String, atMost limit: Int) throws(WireError) -> ByteView {
        guard let bytes = reader.readPrefixed(), bytes.count <= limit else { throw failure(field) }
        return bytes
    }

    /// Text without control characters: names, addresses and reasons end up in files and logs, line by line.
    mutating func text(_ field: String) throws(WireError) -> String {
        let text = try name(field)
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw failure(field) }
        return text
    }

    /// Any text.
    mutating func name(_ field: String) throws(WireError) -> String {
        let bytes = try bytes(field, atMost: ReplicationFormat.maximumText)
        guard let text = String(validating: bytes.array, as: UTF8.self) else { throw failure(field) }
        return text
    }

    mutating func epoch(_ field: String) throws(WireError) -> Epoch {
        Epoch(number: try integer(field), tag: try integer(field))
    }

    mutating func point(_ field: String) throws(WireError) -> HistoryPoint {
        let epoch = try epoch(field)
        let sequence: UInt64 = try integer(field)
        return HistoryPoint(position: Position(epoch: epoch, sequence: sequence), chain: try integer(field))
    }

    mutating func node(_ field: String) throws(WireError) -> NodeID {
        NodeID(high: try integer(field), low: try integer(field))
    }

    mutating func store(_ field: String) throws(WireError) -> StoreID {
        StoreID(high: try integer(field), low: try integer(field))
    }

    mutating func member() throws(WireError) -> Member {
        let node = try node("member")
        let (region, address) = (try text("member's region"), try text("member's address"))
        let kind = try flags("member's kind", known: 3)
        return Member(
            node: node, region: region, address: address, isPartial: kind & 1 != 0, isPrimary: kind & 2 != 0,
            received: try integer("member's end"), durable: try integer("member's durable end"))
    }

    mutating func members() throws(WireError) -> [Member] {
        let count = try count("members", atMost: ReplicationFormat.maximumMembers, of: 35)
        var members: [Member] = []
        for _ in 0..<count { members.append(try member()) }
        return members
    }

    /// Everything that is left.
    mutating func rest() -> ByteView { reader.readBytes(reader.remaining) ?? .empty }

    /// Throws when anything is left.
    func finish() throws(WireError) {
        if reader.remaining != 0 { throw failure("bytes follow its end") }
    }
}

extension ByteWriter {
    func append(text: String) { appendPrefixed(Array(text.utf8.prefix(ReplicationFormat.maximumText))) }

    func append(_ flag: Bool) { append(flag ? 1 : 0 as UInt8) }

    func append(_ epoch: Epoch) {
        append(epoch.number)
        append(epoch.tag)
    }

    func append(_ point: HistoryPoint) {
        append(point.position.epoch)
        append(point.position.sequence)
        append(point.chain)
    }

    func append(_ node: NodeID) { append(node.bytes) }

    func append(_ store: StoreID) {
        append(store.high)
        append(store.low)
    }

    func append(_ members: [Member]) {
        append(UInt32(members.count))
        for member in members {
            append(member.node)
            append(text: member.region)
            append(text: member.address)
            append((member.isPartial ? 1 : 0) | (member.isPrimary ? 2 : 0) as UInt8)
            append(member.received)
            append(member.durable)
        }
    }
}
