-- One row per country, zone and quarter.
-- FOREIGN_SHARE = foreign workers / all workers * 100, per cent, from the two counts of one quarter.
-- FOREIGN_SHARE_CHANGE_5Y = share minus the share of the newest quarter at least five years before, points.
-- Reference: Statistics Mauritius, Export Oriented Enterprises bulletins; dependency ratio, methods 4.6.
with counts as (
    select * from marts.observations
    where indicator = 'EMP' and activity_revision = 'NATIONAL' and list_contains($ref_areas, ref_area)
        and basis_kind = 'reported'
),
pair_foreign_with_total as (
    select workers.ref_area, workers.economic_activity, workers.time_period, workers.basis, workers.obs_status,
        workers.obs_value as foreign_workers, total.obs_value as all_workers,
        workers.observation_id as foreign_id, total.observation_id as total_id,
        cast(left(workers.time_period, 4) as integer) * 4 + cast(right(workers.time_period, 1) as integer) as quarter
    from counts as workers
    inner join counts as total
        on total.ref_area = workers.ref_area and total.economic_activity = workers.economic_activity
        and total.time_period = workers.time_period and total.citizenship = '_T'
    where workers.citizenship = 'FOR'
),
divide_by_total as (
    select *,
        case when foreign_workers between 0 and all_workers and all_workers > 0
            then foreign_workers / all_workers * 100 end as share
    from pair_foreign_with_total
),
find_quarter_five_years_before as (
    select later.ref_area, later.economic_activity, later.time_period,
        max_by(earlier.time_period, earlier.quarter) as earlier_period,
        max_by(earlier.share, earlier.quarter) as earlier_share,
        max_by([earlier.foreign_id, earlier.total_id], earlier.quarter) as earlier_ids
    from divide_by_total as later
    inner join divide_by_total as earlier
        on earlier.ref_area = later.ref_area and earlier.economic_activity = later.economic_activity
        and earlier.quarter <= later.quarter - 20
    group by all
),
state_share as (
    select 'FOREIGN_SHARE' as indicator, ref_area, economic_activity, time_period, share as value, basis, obs_status,
        case
            when foreign_workers > all_workers
                then 'more foreign workers than workers are published for the quarter: one of the counts is wrong'
            when share is null then 'one of the two counts is missing'
        end as reason,
        'foreign workers / all workers x 100' as step, [foreign_id, total_id] as inputs
    from divide_by_total
),
state_change as (
    select 'FOREIGN_SHARE_CHANGE_5Y' as indicator, later.ref_area, later.economic_activity, later.time_period,
        later.share - found.earlier_share as value, later.basis, later.obs_status,
        case when found.earlier_share is null then 'no quarter at least five years before ' || later.time_period end
            as reason,
        'foreign share of ' || later.time_period || ' minus that of '
            || coalesce(found.earlier_period, 'a quarter five years before') || ', percentage points' as step,
        coalesce(found.earlier_ids, []) || [later.foreign_id, later.total_id] as inputs
    from divide_by_total as later
    left join find_quarter_five_years_before as found using (ref_area, economic_activity, time_period)
),
unite as (
    select * from state_share
    union all
    select * from state_change
),
final as (
    select
        concat_ws(':', 'I', indicator, ref_area, '_Z', '_T', economic_activity, 'reported', time_period)
            as indicator_id,
        indicator, ref_area, '_Z' as counterpart_area, '_T' as sex, economic_activity, 'reported' as basis_kind,
        time_period, value, 'PC' as unit_measure, basis, obs_status, reason, step, inputs
    from unite
)
select * from final
