import Foundation

/// What the system says of this process.
enum ProcessCosts {
    /// Bytes handed to the disk so far: `write_bytes` of `/proc/self/io`.
    static var writtenBytes: UInt64 { field("write_bytes:", of: "/proc/self/io") }

    /// Bytes of memory in use now.
    static var residentBytes: UInt64 { field("VmRSS:", of: "/proc/self/status") * 1024 }

    private static func field(_ name: String, of path: String) -> UInt64 {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return 0 }
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.dropFirst(name.count).split(whereSeparator: \.isWhitespace).first.flatMap { UInt64($0) } ?? 0
        }
        return 0
    }

    /// Bytes that the files of a directory take on disk.
    static func diskBytes(_ directory: String) -> UInt64 {
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: directory)) ?? []
        return names.reduce(0) { sum, name in
            var status = stat()
            return stat(directory + "/" + name, &status) == 0 ? sum + UInt64(status.st_blocks) * 512 : sum
        }
    }
}
