import Foundation

/// Loopback sockets that block.
enum Socket {
    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    /// Listens at a free port.
    static func listen() -> (Int32, UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound in
                _ = bind(descriptor, bound, length)
                _ = Glibc.listen(descriptor, 4)
                _ = getsockname(descriptor, bound, &length)
            }
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// A free port, for a server that wants to be told one.
    static func freePort() -> UInt16 {
        let (descriptor, port) = listen()
        close(descriptor)
        return port
    }

    /// Connects; -1 where nobody listens.
    static func connect(_ port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = address(port)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound in
                Glibc.connect(descriptor, bound, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        if result == 0 { return descriptor }
        close(descriptor)
        return -1
    }
}
