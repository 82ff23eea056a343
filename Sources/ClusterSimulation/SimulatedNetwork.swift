internal import GodwitReplication
internal import GodwitSimulation

/// The connections between the machines: frames in order after a delay, unless a fault loses one, sends it twice, lets
/// it overtake another, or flips a bit. Partitions swallow everything and tell nobody.
final class SimulatedNetwork {
    /// One frame on its way, or the end of the connection.
    struct Packet {
        let due: UInt64
        let bytes: [UInt8]?
    }

    final class Connection {
        let ends: [(node: Int, link: LinkID)]
        /// Frames on their way to each end.
        var packets: [[Packet]] = [[], []]
        var isOpen = false
        var opensAt: UInt64
        /// Which ends have closed it.
        var closed = [false, false]

        init(_ dialer: (Int, LinkID), _ target: (Int, LinkID), opensAt: UInt64) {
            ends = [dialer, target]
            self.opensAt = opensAt
        }
    }

    private let random: SeededRandom
    var connections: [Connection] = []
    /// Pairs of machines that do not reach each other.
    private(set) var partitions: Set<[Int]> = []
    /// One frame in so many meets a fault; 0 for none.
    var faultRate = 0
    /// Milliseconds that a frame takes.
    var delays: ClosedRange<Int> = 1...5

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    func isCut(_ left: Int, _ right: Int) -> Bool { partitions.contains([min(left, right), max(left, right)]) }

    func cut(_ left: Int, _ right: Int) { partitions.insert([min(left, right), max(left, right)]) }

    func heal(_ left: Int, _ right: Int) { partitions.remove([min(left, right), max(left, right)]) }

    func healAll() { partitions = [] }

    func delay() -> UInt64 { UInt64(random.within(delays)) * 1_000_000 }

    /// Puts a frame on its way; false when a fault met it.
    func send(_ bytes: [UInt8]?, on connection: Connection, from end: Int, now: UInt64) -> Bool {
        let other = 1 - end
        if isCut(connection.ends[0].node, connection.ends[1].node) { return true }
        // In order: not before the one ahead.
        let due = max(now + delay(), connection.packets[other].last?.due ?? 0)
        guard let bytes, faultRate > 0, random.chance(1, in: faultRate) else {
            connection.packets[other].append(Packet(due: due, bytes: bytes))
            return true
        }
        switch random.below(4) {
        case 0: break
        case 1: connection.packets[other] += [Packet(due: due, bytes: bytes), Packet(due: due, bytes: bytes)]
        case 2:
            let last = connection.packets[other].popLast()
            connection.packets[other].append(Packet(due: due, bytes: bytes))
            if let last { connection.packets[other].append(Packet(due: due, bytes: last.bytes)) }
        default:
            var damaged = bytes
            damaged[random.below(damaged.count)] ^= 1 << UInt8(random.below(8))
            connection.packets[other].append(Packet(due: due, bytes: damaged))
        }
        return false
    }

    /// The connection of a link of a machine.
    func find(_ node: Int, _ link: LinkID) -> (Connection, end: Int)? {
        for connection in connections {
            for end in 0..<2 where connection.ends[end].node == node && connection.ends[end].link == link {
                return (connection, end)
            }
        }
        return nil
    }

    /// Bytes in random pieces, as a stream delivers them.
    func pieces(_ bytes: [UInt8]) -> [[UInt8]] {
        guard bytes.count > 1, random.chance(1, in: 4) else { return [bytes] }
        let cut = 1 + random.below(bytes.count - 1)
        return [Array(bytes[..<cut]), Array(bytes[cut...])]
    }
}
