import CommandSupport
import GodwitEngine
import GodwitReplication
import GodwitServer

/// The client: replays flights in order, each as two batches, and keeps the features as it computed them, so that it
/// can go on at any node.
final class Feed: Sendable {
    /// How many flights there are.
    let count: Int
    private let flights: [Flight]
    private let witness: Witness

    private struct State {
        var next = 0
        var features: [String: Features] = [:]
    }

    private let state = Locked(State())

    init(_ flights: [Flight], _ witness: Witness) {
        self.flights = flights
        self.witness = witness
        count = flights.count
    }

    /// The last flight replayed whose aircraft is known.
    var lastFlightOfKnownAircraft: Flight? {
        let next = state.withLock { $0.next }
        return flights.prefix(next).last { $0.tailNumber != nil }
    }

    /// Replays flights up to one, showing how far the follower is behind, and in the end how far it was at most.
    func run(to end: Int, on pair: Pair, _ label: String) async throws {
        let progress = ProgressBar(label)
        var (lags, note, steps): ([Lag], String, Int) = ([], "", 0)
        while state.withLock({ $0.next }) < min(end, count) {
            try await step(on: pair.primary.client)
            steps += 1
            if steps % 100 == 0 {
                let lag = await Self.lag(of: pair)
                note = lag.map { ", lag \($0.records) records \($0.milliseconds) ms" } ?? ", no follower"
                if let lag { lags.append(lag) }
            }
            progress.update(
                UInt64(state.withLock { $0.next }), of: UInt64(count),
                note: "\(witness.count.grouped) acknowledged\(note)")
        }
        progress.finish()
        guard let records = lags.map(\.records).max(), let milliseconds = lags.map(\.milliseconds).max() else { return }
        print(
            "   \(pair.follower.name) was behind by \(records) records and \(milliseconds) ms at most, in \(lags.count) looks"
        )
    }

    /// Replays flights for a while; returns how many batches were acknowledged.
    func run(for duration: Duration, on client: NodeClient) async throws -> Int {
        let before = witness.count
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end { try await step(on: client) }
        return witness.count - before
    }

    /// Replays flights until one is not acknowledged.
    func background(on client: NodeClient) -> Task<Void, Never> {
        Task {
            do {
                while state.withLock({ $0.next }) < count { try await step(on: client) }
            } catch {
                // The primary is gone: that is what the caller waits for.
            }
        }
    }

    /// Replays one flight. One that was not acknowledged is replayed again by the next call.
    func step(on client: NodeClient) async throws {
        let (flight, row, changed) = state.withLock { state in
            let flight = flights[state.next % count]
            var changed: [String: Features] = [:]
            for key in flight.entities {
                changed[key] = state.features[key] ?? Features()
                changed[key]?.add(flight)
            }
            return (flight, state.next, changed)
        }
        let text = "\(flight.hour) \(flight.carrier) \(flight.origin)-\(flight.destination)"
        try await witness.write([.put("flight/\(row)", text)], to: client)
        let upserts = try changed.sorted { $0.key < $1.key }.map { key, features in
            BatchOperation.put(key, String(decoding: try features.encode(), as: UTF8.self))
        }
        try await witness.write(upserts, to: client)
        state.withLock { state in
            state.next += 1
            state.features.merge(changed) { _, new in new }
        }
    }

    /// How far the connected follower is behind, nil for none.
    private static func lag(of pair: Pair) async -> Lag? {
        let followers = try? await pair.primary.client.status().followers
        return followers?.first(where: \.isConnected)?.lag
    }
}
