internal import Glibc

/// Reads a file, or bytes in memory, one byte at a time through a buffer.
package final class ByteInput {
    private let descriptor: Int32
    private let name: String
    private var buffer: [UInt8]
    private var position = 0
    private var end: Int

    /// How many bytes the file had when it was opened; 0 where that is not known.
    package let size: UInt64
    /// How many bytes have been handed out.
    package private(set) var consumed: UInt64 = 0

    /// Opens a file; `-` is standard input.
    package init(path: String) throws(CommandFailure) {
        name = path
        descriptor = path == "-" ? STDIN_FILENO : unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure("cannot read \(path): \(Self.reason(errno)); check the path")
        }
        var status = stat()
        size = unsafe fstat(descriptor, &status) == 0 && status.st_size > 0 ? UInt64(status.st_size) : 0
        buffer = [UInt8](repeating: 0, count: 256 << 10)
        end = 0
    }

    /// Reads from memory.
    package init(bytes: [UInt8]) {
        name = "memory"
        descriptor = -1
        buffer = bytes
        end = bytes.count
        size = UInt64(bytes.count)
    }

    deinit { if descriptor > STDERR_FILENO { close(descriptor) } }

    /// The next byte, left where it is; nil at the end.
    package func peek() throws(CommandFailure) -> UInt8? {
        if position == end, try !refill() { return nil }
        return buffer[position]
    }

    /// The next byte; nil at the end.
    package func next() throws(CommandFailure) -> UInt8? {
        guard let byte = try peek() else { return nil }
        position += 1
        consumed += 1
        return byte
    }

    private func refill() throws(CommandFailure) -> Bool {
        guard descriptor >= 0 else { return false }
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe read(descriptor, bytes.baseAddress, bytes.count)
            }
            if count >= 0 {
                position = 0
                end = count
                return count > 0
            }
            guard errno == EINTR else { throw CommandFailure("cannot read \(name): \(Self.reason(errno))") }
        }
    }

    private static func reason(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
