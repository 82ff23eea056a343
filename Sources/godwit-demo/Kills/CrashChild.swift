import ArgumentParser
import CommandSupport
import Foundation
import Glibc
import GodwitEngine

/// The process that is killed: several threads write their scripts' batches without end and acknowledge each.
struct CrashChild: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "crash-writer", shouldDisplay: false)

    @Option var data: String
    @Option var seed: UInt64
    @Option var writers: Int

    func run() throws {
        let engine = try CrashStore.open(data)
        let spaces = [try CrashStore.space(0, engine), try CrashStore.space(1, engine)]
        let script = CrashScript(seed: seed)
        for writer in 0..<writers {
            Thread.detachNewThread { Self.write(writer, script, engine, spaces) }
        }
        while true { Thread.sleep(forTimeInterval: 3600) }
    }

    private static func write(_ writer: Int, _ script: CrashScript, _ engine: Engine, _ spaces: [Keyspace]) {
        do {
            let batch = try engine.makeBatch()
            var number = try CrashStore.head(writer, engine, spaces[0])
            while true {
                number += 1
                batch.clear()
                for operation in script.operations(writer, number) {
                    switch operation {
                    case .put(let space, let key, let value): try batch.put(key, value, in: spaces[space])
                    case .delete(let space, let key): try batch.delete(key, in: spaces[space])
                    case .deleteRange(let space, let from, let to):
                        try batch.deleteRange(from: from, to: to, in: spaces[space])
                    }
                }
                try engine.write(batch, durability: CrashScript.isSynced(number) ? .synced : .buffered)
                try Acknowledgement(writer: UInt64(writer), number: UInt64(number)).send()
                if writer == 0, number % 2000 == 0 { try engine.compact(in: spaces[number / 2000 % 2]) }
            }
        } catch {
            Descriptor.complain("writer \(writer): \(error)")
            Glibc.exit(2)
        }
    }
}
