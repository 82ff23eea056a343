/// The features of all entities computed another way, without a store: the flights of each entity gathered first, then
/// each feature taken from the whole list at once.
struct Recomputation {
    /// The features of every entity.
    let features: [String: Features]

    init(_ flights: some Sequence<Flight>) {
        var groups: [String: [Flight]] = [:]
        for flight in flights {
            groups["carrier/" + flight.carrier, default: []].append(flight)
            groups["route/" + flight.origin + "-" + flight.destination, default: []].append(flight)
            if let tailNumber = flight.tailNumber { groups["plane/" + tailNumber, default: []].append(flight) }
        }
        features = groups.mapValues(Self.features)
    }

    private static func features(_ flights: [Flight]) -> Features {
        var features = Features()
        features.flights = flights.count
        features.departureDelay = measure(flights.compactMap(\.departureDelay))
        features.arrivalDelay = measure(flights.compactMap(\.arrivalDelay))
        features.airTime = measure(flights.compactMap(\.airTime))
        features.lastHour = flights.map(\.hour).max() ?? ""
        features.lastOrigin = flights[flights.count - 1].origin
        features.lastDestination = flights[flights.count - 1].destination
        features.lastDistance = flights.compactMap(\.distance).last
        return features
    }

    private static func measure(_ values: [Int]) -> Measure? {
        guard let last = values.last else { return nil }
        let sum = values.reduce(0, +)
        return Measure(count: values.count, sum: sum, mean: Double(sum) / Double(values.count), last: last)
    }
}
