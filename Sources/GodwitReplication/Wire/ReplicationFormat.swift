internal import GodwitEngine

/// What travels between two nodes; `docs/formats/replication.md` has every message and a worked example. All integers
/// are little-endian. Each direction of a link is a sequence of frames, each a header and a payload:
///
///     offset  size  field
///     0       4     payload length, at most 65 MiB
///     4       1     type (`FrameType`)
///     5       1     flags: bit 0, the payload is a raw length (4) and an LZ4 block
///     6       2     version, 1
///     8       4     epoch number  \ the highest epoch the sender has heard of
///     12      4     epoch tag     /
///     16      8     frame number: 0 for the first of a direction, then one more each
///     24      8     checksum: XXH3-64 of bytes 0 ..< 24, seeded by the XXH3-64 of the payload as sent
///     32            the payload
///
/// A frame is valid when version, type and flags are known, its number is the next one, its length is within the
/// limit and the checksum agrees. A frame that is not ends the link: what was lost, doubled, reordered or damaged on
/// the way is asked for again by the next handshake, which goes by positions and chain values.
enum ReplicationFormat {
    static let version: UInt16 = 1
    static let headerLength = 32
    /// The most bytes of a payload, also once decompressed: room for the largest record.
    static let maximumPayload = 65 << 20
    /// The most bytes of a payload before the other side has said who it is.
    static let maximumGreeting = 4 << 20
    /// The flag that announces compression.
    static let compressedFlag: UInt8 = 1

    /// The most bytes of a name, an address, a reason.
    static let maximumText = 4096
    /// The most epochs in a greeting.
    static let maximumEpochs = 65_536
    /// The most keyspaces in a selection.
    static let maximumKeyspaces = 1024
    /// The most nodes in a list of members.
    static let maximumMembers = 1024
    /// The most bytes of a piece of a file.
    static let maximumPiece = 4 << 20
}

/// What a frame is. The raw values are sent.
enum FrameType: UInt8, CaseIterable {
    case hello = 1
    case welcome = 2
    case records = 3
    case ack = 4
    case ping = 5
    case heartbeat = 6
    case copyOffer = 7
    case copyRequest = 8
    case copyData = 9
    case copyDone = 10
    case takeOver = 11
    case tookOver = 12
    case cancel = 13
    case tailOffer = 14
    case tailRequest = 15
    case tailData = 16
    case tailReport = 17
    case digestRequest = 18
    case digestReply = 19
    case goodbye = 20
    case ask = 21
    case standing = 22
    case rangeRequest = 23
    case rangeReply = 24
}

/// Why bytes that came over a link are no message.
struct WireError: Error, Equatable, CustomStringConvertible {
    /// What is wrong, for people.
    let description: String
    /// Whether the other side speaks another version of the protocol.
    let isOtherVersion: Bool

    init(_ description: String, isOtherVersion: Bool = false) {
        self.description = description
        self.isOtherVersion = isOtherVersion
    }
}
