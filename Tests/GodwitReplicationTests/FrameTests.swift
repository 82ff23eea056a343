import Foundation
import GodwitSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

@Suite("Frames")
struct FrameTests {
    private static let point = HistoryPoint(
        position: Position(epoch: Epoch(number: 3, tag: 0x5f00_aa12), sequence: 1042), chain: 0x1122_3344_5566_7788)
    private static let start = EpochStart(start: point, parent: .start)
    private static let node = NodeID(high: 1, low: 2)
    private static let member = Member(
        node: node, region: "eu-west", address: "b:7000", isPartial: true, isPrimary: false, received: 7, durable: 5)

    /// One of each kind.
    private static var messages: [Message] {
        [
            .hello(
                Hello(
                    node: node, store: StoreID(high: 3, low: 4), region: "us-east", address: "a:7000", needsCopy: true,
                    end: point, durable: 1000, time: 99, epochs: [start, start], keyspaces: ["a", "b\n"])),
            .hello(
                Hello(
                    node: node, store: nil, region: "", address: "", end: .start, durable: 0, time: 0, epochs: [],
                    lacks: [3, 70_000])),
            .welcome(
                Welcome(
                    node: node, store: StoreID(high: 3, low: 4), region: "us", address: "a:1", answer: .rewind,
                    point: point,
                    echo: 99)),
            .welcome(
                Welcome(
                    node: node, store: StoreID(high: 3, low: 4), region: "us", address: "a:1", answer: .refuse,
                    point: .start, echo: 1, refusal: .behind, reason: "later")),
            .ack(Acknowledgement(received: point, durable: 4, applied: 5, time: 6, members: [member, member])),
            .ping(77), .heartbeat(Heartbeat(echo: 1, age: nil, end: point, durable: 2, keepFrom: 3, members: [member])),
            .heartbeat(Heartbeat(echo: 1, age: 0, end: point, durable: 2, keepFrom: 3, members: [])),
            .copyOffer([1, 2, 3]), .copyRequest(CopyRequest(file: 1, offset: 2, length: 3)), .copyDone,
            .takeOver(point),
            .tookOver(point.position.epoch), .cancel(reason: "no"),
            .tailOffer(TailHeader(node: node, fork: point, end: point, keptAfter: 2000)), .tailRequest,
            .tailReport(
                TailVerdicts(
                    isLast: true, policy: .clean,
                    rows: [TailVerdicts.Row(position: point.position, outcome: .superseded, replayed: false)])),
            .digestRequest(DigestRequest(id: 1, task: .begin(point, cut: 5, keyspaces: [0, 7]))),
            .digestRequest(
                DigestRequest(
                    id: 1, task: .compare(DigestRange(keyspace: 1, lower: [], upper: [9]), count: 3, hash: 4))),
            .digestRequest(DigestRequest(id: 1, task: .list(DigestRange(keyspace: 1, lower: [1], upper: nil)))),
            .digestRequest(DigestRequest(id: 1, task: .end)),
            .digestReply(DigestReply(id: 1, result: .ready(lacking: [3]))),
            .digestReply(DigestReply(id: 1, result: .compared(false))),
            .digestReply(DigestReply(id: 1, result: .listed([(key: [1], hash: 2)], more: true))),
            .digestReply(DigestReply(id: 1, result: .failed("gone"))),
            .rangeRequest(id: 1, DigestRange(keyspace: 1, lower: [1], upper: [2])), .rangeReply(id: 1, nil),
            .rangeReply(
                id: 1,
                RangePiece(
                    point: point, entries: [RangePiece.Entry(key: [1], value: [2, 3], deadline: 4)], next: [5])),
            .rangeReply(id: 1, RangePiece(point: point, entries: [], next: nil)), .goodbye(reason: "bye"),
            .ask(Asker(node: node, store: StoreID(high: 3, low: 4), address: "a:7000")),
            .standing(
                Standing(node: node, store: StoreID(high: 3, low: 4), end: point, leader: "b:7000", isPrimary: true)),
        ]
    }

    private static func encode(compressing: Bool = false) -> [[UInt8]] {
        let encoder = FrameEncoder()
        let epoch = Epoch(number: 4, tag: 5)
        var frames = messages.map { encoder.encode($0, epoch: epoch, compressing: compressing) }
        let records = [UInt8](repeating: 7, count: 5000)
        records.withView { view in
            frames.append(encoder.encode(.records(view), epoch: epoch, compressing: compressing))
            frames.append(encoder.encode(.tailData(isLast: true, view), epoch: epoch, compressing: compressing))
            frames.append(encoder.encode(.copyData(file: 1, offset: 2, view), epoch: epoch))
        }
        return frames
    }

    /// What a message's payload looks like: two messages are the same when they are encoded alike.
    private static func payload(_ message: Message) -> [UInt8] {
        let writer = ByteWriter()
        message.encode(into: writer)
        return writer.array
    }

    @Test("every message is read as it was written, also when its bytes come one at a time", arguments: [false, true])
    func messagesByteByByte(compressing: Bool) throws {
        let decoder = FrameDecoder()
        decoder.limit = ReplicationFormat.maximumPayload
        let frames = Self.encode(compressing: compressing)
        var decoded = 0
        for byte in frames.joined() {
            decoder.feed([byte])
            while let frame = try decoder.next() {
                #expect(frame.epoch == Epoch(number: 4, tag: 5))
                let message = try Message(frame)
                if decoded < Self.messages.count {
                    #expect(message.type == Self.messages[decoded].type)
                    #expect(Self.payload(message) == Self.payload(Self.messages[decoded]))
                }
                decoded += 1
            }
        }
        #expect(decoded == frames.count)
        if compressing { #expect(frames[Self.messages.count].count < 1000) }
    }

    @Test("a flipped bit anywhere ends the link, or lets nothing through")
    func everyFlippedBit() {
        for frame in Self.encode() where frame.count < 400 {
            for bit in 0..<frame.count * 8 {
                var damaged = frame
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                let decoder = FrameDecoder()
                decoder.limit = ReplicationFormat.maximumPayload
                decoder.feed(damaged)
                var accepted = false
                do {
                    // A longer length waits for bytes that never come.
                    accepted = try decoder.next() != nil
                } catch {}
                #expect(!accepted, "bit \(bit)")
            }
        }
    }

    @Test("a doubled, a lost and an overtaking frame are noticed")
    func duplicatesGapsReordering() throws {
        let frames = Self.encode()
        for order in [[0, 0], [0, 2], [1, 0]] {
            let decoder = FrameDecoder()
            decoder.limit = ReplicationFormat.maximumPayload
            for index in order { decoder.feed(frames[index]) }
            #expect(throws: WireError.self) { while try decoder.next() != nil {} }
        }
    }

    @Test("a length past the limit is refused before its bytes come")
    func hugeLengths() {
        for length in [UInt32(ReplicationFormat.maximumGreeting + 1), .max] {
            let decoder = FrameDecoder()
            var header = FrameEncoder().encode(.tailRequest, epoch: .none)
            for byte in 0..<4 { header[byte] = UInt8(truncatingIfNeeded: length >> UInt32(8 * byte)) }
            decoder.feed(header)
            #expect(throws: WireError.self) { try decoder.next() }
        }
    }

    @Test("a compressed frame that announces more than it holds is refused")
    func decompressionBomb() {
        let payload = ByteWriter()
        payload.append(UInt32(64 << 20))
        payload.append([UInt8](repeating: 0, count: 200))
        let frame = ByteWriter()
        frame.append(UInt32(payload.count))
        frame.append(FrameType.records.rawValue)
        frame.append(ReplicationFormat.compressedFlag)
        frame.append(ReplicationFormat.version)
        frame.append(UInt64(0))
        frame.append(UInt64(0))
        frame.append(frame.view.hash(seed: payload.view.longHash(seed: 0)))
        frame.append(payload.view)
        let decoder = FrameDecoder()
        decoder.limit = ReplicationFormat.maximumPayload
        decoder.feed(frame.array)
        #expect(throws: WireError.self) { try decoder.next() }
    }

    @Test("mutated payloads are errors or messages, never a trap, and counts allocate nothing")
    func mutatedPayloads() {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        let random = SeededRandom(seed: seed)
        print("mutated payloads: seed \(seed)")
        var read = 0
        let messages = Self.messages
        for _ in 0..<20_000 {
            let message = random.pick(messages)
            var bytes = Self.payload(message)
            for _ in 0...random.below(3) {
                switch random.below(4) {
                case 0: bytes = Array(bytes.prefix(random.below(bytes.count + 1)))
                case 1: bytes += random.bytes(random.below(9))
                case 2 where bytes.count >= 4:
                    let at = random.below(bytes.count - 3)
                    bytes.replaceSubrange(at..<at + 4, with: [255, 255, 255, UInt8(random.below(256))])
                default: if !bytes.isEmpty { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
                }
            }
            bytes.withView { view in
                if (try? Message(Frame(type: message.type, epoch: .none, payload: view))) != nil { read += 1 }
            }
        }
        #expect(read > 0 && read < 20_000)
    }

    @Test("the worked example of the format's page is what is sent")
    func workedExample() throws {
        let encoder = FrameEncoder()
        _ = encoder.encode(.tailRequest, epoch: .none)
        let frame = encoder.encode(.takeOver(Self.point), epoch: Epoch(number: 3, tag: 0x5f00_aa12))
        let lines = stride(from: 0, to: frame.count, by: 16).map { start in
            frame[start..<min(start + 16, frame.count)].map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined(separator: " ")
        }
        let root = #filePath.components(separatedBy: "/Tests/")[0]
        let page = try String(contentsOfFile: root + "/docs/formats/replication.md", encoding: .utf8)
        for line in lines { #expect(page.contains(line), "\(line)") }
    }
}
