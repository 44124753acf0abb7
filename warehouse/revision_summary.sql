-- First figure against latest figure: one row per source, indicator and country, and per source and country (`_T`).
--
-- A pair is one cell that a source gave a figure in at least two vintages; unchanged cells count too, else the mean
-- would overstate how much is revised. revision = latest - first, in the unit and in per cent of the first figure's size.
-- bias_t = mean(relative) / (standard deviation / square root of pairs): beyond +-2 the first figure is systematically
-- low (+) or high (-); neighbouring periods are revised together, so it is a sign, not a test with exact levels.
-- Factors: median, 10th and 90th percentile of latest / first; close together and far from 1 they tell a new base or unit.
-- Reference: mean revision and its t statistic as in OECD/Eurostat revision analysis.
-- Parameters: $as_of, $bounded_sources, $bounds as in observations.sql; $ref_areas; $after (date): only cells whose
-- latest figure is newer.
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
    where
        observations.as_of <= coalesce(bounds.known_until, cast($as_of as date))
        and observations.ref_area in (select unnest(cast($ref_areas as varchar[])))
        and observations.obs_value is not null
),

pair_first_with_latest as (
    select
        source_id, indicator, ref_area, unit_measure, time_period,
        arg_min(obs_value, (as_of, observation_id)) as first_value,
        arg_max(obs_value, (as_of, observation_id)) as latest_value,
        min(as_of) as first_as_of,
        max(as_of) as latest_as_of
    from staged
    group by
        source_id, indicator, ref_area, unit_measure, time_period, freq, sex, age, economic_activity,
        activity_revision, occupation, occupation_revision, citizenship, counterpart_area
    having min(as_of) < max(as_of) and max(as_of) > cast($after as date)
),

measure_revisions as (
    select
        *,
        latest_value - first_value as revision,
        100 * (latest_value - first_value) / nullif(abs(first_value), 0) as relative
    from pair_first_with_latest
),

final as (
    select
        source_id,
        coalesce(indicator, '_T') as indicator,
        ref_area,
        case when indicator is not null then any_value(unit_measure) end as unit_measure,
        min(first_as_of) as first_as_of,
        max(latest_as_of) as latest_as_of,
        count(*) as n_pairs,
        count(*) filter (where revision <> 0) as n_revised,
        case when indicator is not null then avg(revision) end as mean_revision,
        avg(relative) as mean_relative,
        avg(abs(relative)) as mean_absolute_relative,
        median(abs(relative)) as median_absolute_relative,
        100.0 * count(*) filter (where revision > 0) / nullif(count(*) filter (where revision <> 0), 0) as share_up,
        median(latest_value / nullif(first_value, 0)) as median_factor,
        quantile_cont(latest_value / nullif(first_value, 0), 0.1) as low_factor,
        quantile_cont(latest_value / nullif(first_value, 0), 0.9) as high_factor,
        avg(relative) / nullif(stddev_samp(relative) / sqrt(count(relative)), 0) as bias_t
    from measure_revisions
    group by grouping sets ((source_id, indicator, ref_area), (source_id, ref_area))
    order by ref_area, source_id, (indicator is not null), indicator
)

select * from final
