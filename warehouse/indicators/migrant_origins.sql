-- One row per destination, origin and year (ORIGIN_SHARE); one row per destination and year (ORIGIN_HHI).
-- ORIGIN_SHARE = migrants from the origin / migrants of all origins * 100, per cent.
-- ORIGIN_HHI = sum over origins of (migrants from the origin / migrants of all origins) squared, 0 to 1.
-- Reference: concentration of origins, methods 4.6 (flag above 0.25).
with stocks as (
    select * from marts.observations
    where indicator = 'MIG_STOCK' and sex = '_T' and age = '_T' and obs_value is not null
        and list_contains($ref_areas, ref_area)
),
pair_origin_with_total as (
    select origin.*, total.obs_value as total_value, total.observation_id as total_id
    from stocks as origin
    inner join stocks as total
        on total.ref_area = origin.ref_area and total.time_period = origin.time_period
        and total.source_id = origin.source_id and total.counterpart_area = '_T'
    where origin.counterpart_area not in ('_T', '_Z') and total.obs_value > 0
),
state_share as (
    select 'ORIGIN_SHARE' as indicator, ref_area, counterpart_area, basis_kind, time_period,
        obs_value / total_value * 100 as value, 'PC' as unit_measure, basis, obs_status,
        'migrants from the origin / migrants of all origins x 100' as step, [observation_id, total_id] as inputs
    from pair_origin_with_total
),
state_concentration as (
    select 'ORIGIN_HHI' as indicator, ref_area, '_Z' as counterpart_area, basis_kind, time_period,
        sum(pow(obs_value / total_value, 2) order by counterpart_area) as value, 'RATIO' as unit_measure,
        max(basis) as basis, max(obs_status) as obs_status,
        'sum of squared origin shares (Herfindahl-Hirschman); origins not itemised count as zero' as step,
        list(observation_id order by counterpart_area) || [min(total_id)] as inputs
    from pair_origin_with_total
    where counterpart_area <> '_X'
    group by ref_area, basis_kind, time_period
),
unite as (
    select * from state_share
    union all
    select * from state_concentration
),
final as (
    select
        concat_ws(':', 'I', indicator, ref_area, counterpart_area, '_T', '_T', basis_kind, time_period)
            as indicator_id,
        indicator, ref_area, counterpart_area, '_T' as sex, '_T' as economic_activity, basis_kind, time_period, value,
        unit_measure, basis, obs_status, cast(null as varchar) as reason, step, inputs
    from unite
)
select * from final
