import Glibc

@testable import GodwitEngine

/// A directory of the computer that is removed, with all in it, when the last reference goes.
final class TemporaryDirectory: Sendable {
    /// The directory's path.
    let path: String

    init() {
        let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array((parent + "/godwit-XXXXXX").utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = unsafe mkdtemp(start) else {
                fatalError("no temporary directory: \(errno)")
            }
            return unsafe String(cString: made)
        }
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        let files = PosixFileSystem()
        guard let names = try? files.list(path) else {
            try? files.remove(path)
            return
        }
        for name in names { remove(path + "/" + name) }
        try? files.removeDirectory(path)
    }
}
