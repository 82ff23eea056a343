import CommandSupport
import FoundationEssentials
import GodwitNode

/// The regions as Redis clients see them: what redis-cli writes in one, redis-cli reads in the other.
struct RedisGlance {
    private let program: String

    /// Looks for redis-cli where the shell would; nil where it is not installed.
    init?() {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let found = folders.map { "\($0)/redis-cli" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let found else { return nil }
        program = found
    }

    /// Writes an aircraft's last flight in one region and reads it in the other; prints both commands. Returns whether what
    /// was read is what was written.
    func show(_ flight: Flight, from primary: Region, to follower: Region) async throws -> Bool {
        let key = "aircraft:\(flight.tailNumber ?? "unknown")"
        let fields = [
            "carrier", flight.carrier, "origin", flight.origin, "dest", flight.destination, "hour", flight.hour,
        ]
        let written = try ask(primary, ["HSET", key] + fields)
        print("   \(primary.name)   redis-cli HSET \(key) \(fields.dropLast(2).joined(separator: " ")) …   \(written)")
        let end = ContinuousClock.now + .seconds(10)
        var read = ""
        repeat {
            read = try ask(follower, ["HMGET", key] + stride(from: 0, to: fields.count, by: 2).map { fields[$0] })
        } while read.split(separator: "\n").map(String.init) != values(of: fields) && ContinuousClock.now < end
        let words = read.split(separator: "\n").joined(separator: " ")
        print("   \(follower.name)   redis-cli HMGET \(key) carrier origin dest hour   \(words)")
        return read.split(separator: "\n").map(String.init) == values(of: fields)
    }

    private func values(of fields: [String]) -> [String] {
        stride(from: 1, to: fields.count, by: 2).map { fields[$0] }
    }

    /// What redis-cli prints, without the last line's end.
    private func ask(_ region: Region, _ words: [String]) throws -> String {
        guard let redis = region.redis else {
            throw CommandFailure("\(region.name) did not say where Redis clients go")
        }
        let child = try ChildProcess(["-h", redis.host, "-p", "\(redis.port)"] + words, program: program)
        var text: [UInt8] = []
        while true {
            guard let bytes = try child.read(within: 10_000) else {
                throw CommandFailure("redis-cli got no answer of \(region.name) in ten seconds")
            }
            if bytes.isEmpty { break }
            text += bytes
        }
        guard child.wait() == .exited(0) else { throw CommandFailure("redis-cli failed at \(region.name)") }
        while text.last == UInt8(ascii: "\n") { text.removeLast() }
        return String(decoding: text, as: UTF8.self)
    }
}
