/// Describes single files of a store for people and tools: what `godwit inspect` prints. Files are read as they are,
/// damaged or not, whoever has the store open; nothing is locked or changed. Output is bounded; what is wrong is listed
/// with its offset, and the description goes on behind it.
public enum Inspector {
    /// Something wrong with a file.
    public struct Problem: Sendable, Hashable, Encodable {
        /// Where in the file.
        public let offset: UInt64
        /// What is wrong, for people.
        public let message: String
    }

    /// What a description needs to know and the file itself does not say, from the files beside it.
    struct Surroundings {
        let directory: String
        /// The store's hash seed; nil when neither a manifest nor a table says it.
        let seed: UInt64?
        let salvage: ManifestSalvage?

        init(of path: String, _ fileSystem: any FileSystem) {
            var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            parts.removeLast()
            let beside = parts.isEmpty ? "." : parts.joined(separator: "/")
            directory = beside
            // A file that a repair has set aside: the store is one up.
            let above = beside + "/.."
            var found: (UInt64?, ManifestSalvage?) = (nil, nil)
            for place in [beside, above] where found.0 == nil {
                let salvage = try? ManifestSalvage(fileSystem, place)
                found = (salvage?.hashSeed ?? Self.tableSeed(place, fileSystem), salvage)
            }
            (seed, salvage) = found
        }

        private static func tableSeed(_ directory: String, _ fileSystem: any FileSystem) -> UInt64? {
            for name in (try? fileSystem.list(directory)) ?? [] {
                guard case .table? = FileName(name) else { continue }
                if let found = try? TableIdentity(directory + "/" + name, fileSystem) {
                    return found.properties.hashSeed
                }
            }
            return nil
        }
    }

    /// A whole file in memory.
    static func read(_ path: String, _ fileSystem: any FileSystem) throws(EngineError) -> [UInt8] {
        let file = try fileSystem.open(path, .read)
        let size = try file.size()
        guard size <= 4 << 30 else {
            throw EngineError(.invalidArgument, "the file has \(size) bytes: too many to describe", file: path)
        }
        return try file.read(Int(size), at: 0)
    }

    static func name(of path: String) -> String { String(path.split(separator: "/").last ?? "") }

    static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
