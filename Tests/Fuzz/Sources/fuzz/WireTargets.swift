@testable import GodwitEngine
@testable import GodwitReplication

/// A few messages of different shapes.
private func sampleMessages() -> [Message] {
    let point = HistoryPoint(
        position: Position(epoch: Epoch(number: 3, tag: 0x5F00_AA12), sequence: 1042), chain: 0x1122_3344_5566_7788)
    let node = NodeID(high: 1, low: 2)
    let member = Member(
        node: node, region: "eu-west", address: "b:7000", isPartial: true, isPrimary: false, received: 7, durable: 5)
    return [
        .hello(
            Hello(
                node: node, store: StoreID(high: 3, low: 4), region: "us-east", address: "a:7000", needsCopy: true,
                end: point, durable: 1000, time: 99, epochs: [EpochStart(start: point, parent: .start)],
                keyspaces: ["a", "b"])),
        .ack(Acknowledgement(received: point, durable: 4, applied: 5, time: 6, members: [member, member])),
        .copyOffer([1, 2, 3]), .takeOver(point),
        .digestReply(DigestReply(id: 1, result: .listed([(key: [1], hash: 2)], more: true))),
    ]
}

/// A link's bytes, checksums included, in pieces of a length that the first byte decides.
enum FrameTarget: FuzzTarget {
    static var seeds: [[UInt8]] {
        let encoder = FrameEncoder()
        return [[7] + sampleMessages().flatMap { encoder.encode($0, epoch: Epoch(number: 4, tag: 5)) }]
    }

    static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let decoder = FrameDecoder()
        decoder.limit = 1 << 16
        let piece = Int(first) + 1
        for start in stride(from: 1, to: bytes.count, by: piece) {
            decoder.feed(Array(bytes[start..<min(start + piece, bytes.count)]))
            do { while try decoder.next() != nil {} } catch { return }
        }
    }
}

/// A frame's payload behind its checksum; the first byte is the frame's type.
enum MessageTarget: FuzzTarget {
    static var seeds: [[UInt8]] {
        sampleMessages().map { message in
            let writer = ByteWriter()
            message.encode(into: writer)
            return [message.type.rawValue] + writer.array
        }
    }

    static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first, let type = FrameType(rawValue: first) else { return }
        Array(bytes.dropFirst()).withView { view in
            _ = try? Message(Frame(type: type, epoch: .none, payload: view))
        }
    }
}
