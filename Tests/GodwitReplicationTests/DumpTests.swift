import Foundation
import GodwitSimulation
import Testing

@testable import ClusterSimulation
@testable import GodwitEngine
@testable import GodwitReplication

@Suite struct DumpTests {
    @Test func dump() throws {
        let seed = UInt64(ProcessInfo.processInfo.environment["DUMP"] ?? "42825")!
        let simulation = Simulation(seed: seed, steps: 120)
        var last: [Int: [String]] = [:]
        simulation.cluster.observe = nil
        do { _ = try simulation.run() } catch { print("\(error)".prefix(200)) }
        for node in simulation.cluster.nodes {
            guard let engine = node.engine else { continue }
            var all: [String] = []
            let snapshot = try engine.snapshot()
            for keyspace in engine.keyspaces {
                try engine.scan(.all, in: keyspace, at: snapshot, cut: 0) { key, value, deadline in
                    all.append("\(keyspace.name) \(String(decoding: key.array, as: UTF8.self)) \(deadline) \(value.count) \(String(decoding: value.array.suffix(6), as: UTF8.self))")
                    return true
                }
            }
            last[node.index] = all
            print("node\(node.index) \(engine.historyPoint) points \(engine.rewindPoints.map(\.position.sequence)) entries \(all.count)")
        }
        for (index, all) in last {
            for (other, rest) in last where other != index {
                print("in node\(index) not in node\(other): \(Set(all).subtracting(rest).sorted())")
            }
        }
        for node in simulation.cluster.nodes {
            let root = "/tmp/dump/\(node.index)"
            try? FileManager.default.removeItem(atPath: root)
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            for name in try node.disk.list("/store") {
                guard (try? node.disk.list("/store/" + name)) == nil else { continue }
                let file = try node.disk.open("/store/" + name, .read)
                let bytes = try file.read(Int(try file.size()), at: 0)
                _ = FileManager.default.createFile(atPath: root + "/" + name, contents: Data(bytes))
            }
        }
    }
}
