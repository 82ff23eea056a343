internal import Glibc

/// Raw bytes to standard output through a buffer; `flush` before the process ends.
package final class StandardOutput {
    private var buffer: [UInt8] = []

    /// Begins with an empty buffer.
    package init() { buffer.reserveCapacity(64 << 10) }

    /// Whether a person reads it.
    package static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Adds bytes.
    package func write(_ bytes: some Sequence<UInt8>) throws(CommandFailure) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= 64 << 10 { try flush() }
    }

    /// Adds text.
    package func write(_ text: String) throws(CommandFailure) { try write(text.utf8) }

    /// Hands everything to the operating system.
    package func flush() throws(CommandFailure) {
        try Descriptor.write(buffer, to: STDOUT_FILENO)
        buffer.removeAll(keepingCapacity: true)
    }
}

/// Plain calls on file descriptors.
package enum Descriptor {
    /// Writes all bytes, however many calls that takes.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) throws(CommandFailure) {
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes[start...].withUnsafeBytes { rest in
                unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if count >= 0 {
                start += count
            } else if errno != EINTR {
                throw CommandFailure("cannot write output: \(unsafe String(cString: strerror(errno)))")
            }
        }
    }

    /// Writes a line to standard error; nothing can be done where that fails.
    package static func complain(_ line: String) { try? write(Array((line + "\n").utf8), to: STDERR_FILENO) }
}
