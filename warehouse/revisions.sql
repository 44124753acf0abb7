-- marts.revisions: one row per cell, source and vintage whose value differs from the vintage before it,
-- as known at $as_of.
--
-- change = value - previous_value, relative_change = 100 x change / |previous_value|, empty where that is zero.
-- A figure taken back (withdrawn), or published for the first time after a row with status M (supplied), is a
-- revision with an empty change. A period that the vintage before did not have is no revision.
-- Parameters: as in observations.sql.
with

bounds as (
    select
        unnest(cast($bounded_sources as varchar[])) as source_id,
        unnest(cast($bounds as date[])) as known_until
),

staged as (
    select observations.*
    from staging.observations as observations
    left join bounds using (source_id)
    where observations.as_of <= coalesce(bounds.known_until, cast($as_of as date))
),

pair_with_vintage_before as (
    select
        *,
        lag(observation_id) over vintages as previous_id,
        lag(as_of) over vintages as previous_as_of,
        lag(obs_value) over vintages as previous_value
    from staged
    window vintages as (
        partition by
            ref_area, indicator, time_period, economic_activity, sex, age, counterpart_area, freq,
            activity_revision, occupation, occupation_revision, citizenship, unit_measure, source_id
        order by as_of, observation_id
    )
),

keep_changed_values as (
    select * from pair_with_vintage_before
    where previous_id is not null and obs_value is distinct from previous_value
),

final as (
    select
        concat_ws(
            ':', 'R', source_id, as_of, ref_area, counterpart_area, freq, indicator, sex, age,
            economic_activity, activity_revision, occupation, occupation_revision, citizenship,
            unit_measure, time_period
        ) as revision_id,
        ref_area, indicator, sex, age, economic_activity, counterpart_area, time_period,
        source_id, as_of, previous_as_of,
        obs_value as value,
        previous_value,
        obs_value - previous_value as change,
        100 * (obs_value - previous_value) / nullif(abs(previous_value), 0) as relative_change,
        case
            when obs_value is null then 'withdrawn'
            when previous_value is null then 'supplied'
            when obs_value > previous_value then 'up'
            else 'down'
        end as direction,
        unit_measure,
        [observation_id, previous_id] as inputs
    from keep_changed_values
    order by revision_id
)

select * from final
