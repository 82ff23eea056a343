import CommandSupport
import FoundationEssentials

/// What is known of a number that not every row has.
struct Measure: Codable, Equatable {
    var count: Int
    var sum: Int
    var mean: Double
    var last: Int

    /// The measure once `value` has come; a missing value changes nothing.
    static func adding(_ value: Int?, to measure: Measure?) -> Measure? {
        guard let value else { return measure }
        let count = (measure?.count ?? 0) + 1
        let sum = (measure?.sum ?? 0) + value
        return Measure(count: count, sum: sum, mean: Double(sum) / Double(count), last: value)
    }
}

/// The features of one entity (an aircraft, a carrier, a route): what an online model would read.
struct Features: Codable, Equatable {
    var flights = 0
    var departureDelay: Measure?
    var arrivalDelay: Measure?
    var airTime: Measure?
    var lastHour = ""
    var lastOrigin = ""
    var lastDestination = ""
    var lastDistance: Int?

    enum CodingKeys: String, CodingKey {
        case flights
        case departureDelay = "dep_delay"
        case arrivalDelay = "arr_delay"
        case airTime = "air_time"
        case lastHour = "last_hour"
        case lastOrigin = "last_origin"
        case lastDestination = "last_dest"
        case lastDistance = "last_distance"
    }

    /// Takes one flight in.
    mutating func add(_ flight: Flight) {
        flights += 1
        departureDelay = Measure.adding(flight.departureDelay, to: departureDelay)
        arrivalDelay = Measure.adding(flight.arrivalDelay, to: arrivalDelay)
        airTime = Measure.adding(flight.airTime, to: airTime)
        lastHour = flight.hour
        lastOrigin = flight.origin
        lastDestination = flight.destination
        lastDistance = flight.distance ?? lastDistance
    }

    /// The stored form.
    func encode() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return Array(try encoder.encode(self))
    }

    /// The features a stored value holds.
    static func decode(_ bytes: [UInt8]) throws -> Features {
        try JSONDecoder().decode(Features.self, from: Data(bytes))
    }
}
