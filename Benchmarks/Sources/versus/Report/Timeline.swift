import Foundation

/// Throughput over time: operations in each tenth of a second, as lines `engine,seconds,operations`.
final class Timeline {
    private let file: FileHandle

    init(_ path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw StoreFailure("cannot write \(path)") }
        file.write(Data("engine,seconds,operations\n".utf8))
        self.file = file
    }

    /// Runs operations over a store with a clock read after each. A last tenth that the run does not fill is left out.
    func record(_ name: String, _ store: any Store, _ order: [UInt32], _ operation: Operation) {
        let session = store.session()
        let key = KeyBuffer()
        var counts = [0]
        let begin = now()
        for number in order {
            _ = operation(session, key, Int(number))
            let slot = Int((now() - begin) / 100_000_000)
            while counts.count <= slot { counts.append(0) }
            counts[slot] += 1
        }
        for (slot, count) in counts.dropLast().enumerated() {
            file.write(Data("\(name),\((Double(slot) / 10).formatted(digits: 1)),\(count)\n".utf8))
        }
    }
}
