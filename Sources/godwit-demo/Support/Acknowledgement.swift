import CommandSupport
import Glibc

/// What a writing child tells its parent once a write has returned: writer and number in 16 bytes, little-endian, in
/// one call, which a pipe never splits.
struct Acknowledgement: Equatable {
    let writer: UInt64
    let number: UInt64

    private static let length = 16

    /// Tells the parent.
    func send() throws(CommandFailure) {
        var bytes: [UInt8] = []
        for word in [writer, number] {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        try Descriptor.write(bytes, to: STDOUT_FILENO)
    }

    /// Takes all whole acknowledgements from the front of `bytes`.
    static func take(from bytes: inout [UInt8]) -> [Acknowledgement] {
        let whole = bytes.count / length
        let taken = (0..<whole).map { index in
            Acknowledgement(writer: word(bytes, index * length), number: word(bytes, index * length + 8))
        }
        bytes.removeFirst(whole * length)
        return taken
    }

    private static func word(_ bytes: [UInt8], _ start: Int) -> UInt64 {
        bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
