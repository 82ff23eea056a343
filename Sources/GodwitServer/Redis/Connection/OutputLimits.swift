internal import NIOCore

/// What replies may cost, and a client that does not read them.
struct OutputLimits {
    /// Bytes of one reply, or of all replies of one EXEC: what would take more is an error instead.
    var reply = 128 << 20
    /// Bytes of the replies of all clients that wait for their sockets: past it those with most are cut off.
    var total = 512 << 20
    /// How long replies may wait for it before it is cut off.
    var patience = TimeAmount.seconds(60)
    /// Bytes that wait for the socket before nothing more is done for it.
    static let highWater = 1 << 20
    static let lowWater = 256 << 10
}
