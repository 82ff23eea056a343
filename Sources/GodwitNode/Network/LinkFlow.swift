internal import NIOConcurrencyHelpers

/// Bounds the bytes of one link that are between the socket and the replication thread, in each direction.
final class LinkFlow: Sendable {
    /// Bytes read but not yet taken by the thread past which the socket is not read from.
    static let inboundLimit = 4 << 20
    /// Bytes handed over for sending but not yet taken by the system past which a link is given up: the protocol's credit
    /// keeps far below it, so a peer that lets it come this far does not keep to the protocol.
    static let outboundLimit = 64 << 20

    private struct State {
        var inbound = 0
        var isHeld = false
        var outbound = 0
    }

    private let state = NIOLockedValueBox(State())

    /// Bytes came from the socket.
    func received(_ count: Int) { state.withLockedValue { $0.inbound += count } }

    /// Whether the socket may be read from; if not, `consumed` will say when it may again.
    func mayRead() -> Bool {
        state.withLockedValue { state in
            state.isHeld = state.inbound >= Self.inboundLimit
            return !state.isHeld
        }
    }

    /// The thread has taken bytes; whether a held read should now go on.
    func consumed(_ count: Int) -> Bool {
        state.withLockedValue { state in
            state.inbound -= count
            guard state.isHeld, state.inbound < Self.inboundLimit / 2 else { return false }
            state.isHeld = false
            return true
        }
    }

    /// Bytes are to be sent; false when too many wait already.
    func sending(_ count: Int) -> Bool {
        state.withLockedValue { state in
            state.outbound += count
            return state.outbound <= Self.outboundLimit
        }
    }

    /// Bytes went to the system.
    func sent(_ count: Int) { state.withLockedValue { $0.outbound -= count } }

    /// Bytes that wait in each direction.
    var waiting: (inbound: Int, outbound: Int) { state.withLockedValue { ($0.inbound, $0.outbound) } }
}
